// SPDX-License-Identifier: Apache-2.0
package import Report

/// How a script of API 5 is called: each option once, each with a value (ganeti-os-interface(7) of Ganeti 1.2.6).
package struct Arguments {
  /// The options of each script, in the order of the manual, with what their values are.
  private static func options(of operation: Operation) -> [(letter: Character, value: String, help: String)] {
    let name = (Character("i"), "instance_name", "the fully qualified name of the instance")
    let root = (Character("b"), "blockdev_sda", "the block device or file that is the instance's sda, its root disk")
    let swap = (Character("s"), "blockdev_sdb", "the block device or file that is the instance's sdb, its swap")
    switch operation {
    case .create, .import: return [name, root, swap]
    case .export: return [name, root]
    case .rename:
      return [
        ("o", "old_name", "the name that the instance had"), ("n", "new_name", "the name that it has now"), root, swap,
      ]
    }
  }

  /// What the script prints for `-h`, and with the fault when it is called wrongly.
  package static func usage(of operation: Operation) -> String {
    let options = options(of: operation)
    let line = options.map { "-\($0.letter) \($0.value)" }.joined(separator: " ")
    let width = options.map { $0.value.count }.max() ?? 0
    let rows = options.map { option in
      let padding = String(repeating: " ", count: width - option.value.count)
      return "  -\(option.letter) \(option.value)\(padding)  \(option.help)"
    }
    let purpose =
      switch operation {
      case .create: "Installs a guest on the disks of a new instance."
      case .import: "Restores a guest from a dump on standard input and gives it this instance's name."
      case .export: "Writes a dump of the disk to standard output."
      case .rename: "Makes the guest agree with the instance's new name."
      }
    return """
      usage: \(operation.rawValue) \(line)

      \(purpose)

      \(rows.joined(separator: "\n"))

      With OS_API_VERSION in the environment there are no arguments: the host's other variables say it all.

      """
  }

  /// Whether the caller asks for the usage.
  package static func asksForHelp(_ arguments: [String]) -> Bool {
    arguments.first == "-h" || arguments.first == "--help"
  }

  /// The definition that is called: this version has no word for a variant, so the directory carries it, as
  /// `NAME+VARIANT`.
  package static func os(in definition: String) -> RequestedOS {
    let name = definition.split(separator: "/").last ?? "guestsmith"
    guard let plus = name.firstIndex(of: "+") else {
      return RequestedOS(definition: definition, name: String(name))
    }
    return RequestedOS(
      definition: definition, name: String(name[..<plus]), variant: String(name[name.index(after: plus)...]))
  }

  /// Reads the arguments of a script.
  ///
  /// - Throws: `.usage` for options that are missing, unknown, repeated or without a value; `.invalid` for a name that
  ///   no host passes.
  package static func parse(
    _ operation: Operation, _ arguments: [String], os: RequestedOS
  ) throws(Failure) -> Request {
    let options = options(of: operation)
    var values: [Character: String] = [:]
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      guard argument.count == 2, argument.hasPrefix("-"), let letter = argument.last,
        options.contains(where: { $0.letter == letter })
      else {
        throw Failure(.usage, "\(operation.rawValue) has no option or argument \(argument.quoted)")
      }
      guard values[letter] == nil else { throw Failure(.usage, "-\(letter) is given twice") }
      guard let value = rest.popFirst() else { throw Failure(.usage, "-\(letter) needs a value") }
      values[letter] = value
    }
    for option in options where values[option.letter] == nil {
      throw Failure(.usage, "-\(option.letter) \(option.value) is missing")
    }
    func name(_ letter: Character) throws(Failure) -> InstanceName { try InstanceName(passed: values[letter] ?? "") }
    var disks: [RequestedDisk] = []
    for (index, letter, role) in [(0, "b", .root), (1, "s", .swap)] as [(Int, Character, RequestedDisk.Role)] {
      guard let path = values[letter] else { continue }
      guard !path.isEmpty, !path.contains("\0") else {
        throw Failure(.device, "the disk of -\(letter) has no name", remedy: "name a block device or an image file")
      }
      disks.append(RequestedDisk(index: index, path: path, role: role))
    }
    return Request(
      operation: operation, instance: try name(operation == .rename ? "n" : "i"),
      oldName: operation == .rename ? try name("o") : nil, disks: disks, os: os)
  }
}
