// SPDX-License-Identifier: Apache-2.0
package import Report

/// How a script of version 5 is called: each option once, each with a value (ganeti-os-interface(7) of Ganeti 1.2.6).
package enum Arguments {
  private struct Option {
    let letter: Character
    let value: String
    let help: String
    /// What a host gives.
    let read: @Sendable (Request) -> String?
  }

  private static let name = Option(
    letter: "i", value: "instance_name", help: "the fully qualified name of the instance", read: \.instance.text)
  private static let oldName = Option(
    letter: "o", value: "old_name", help: "the name that the instance had", read: { $0.oldName?.text })
  private static let newName = Option(
    letter: "n", value: "new_name", help: "the name that it has now", read: \.instance.text)
  private static let root = Option(
    letter: "b", value: "blockdev_sda", help: "the block device or file that is the instance's sda, its root disk",
    read: { $0.disks.first?.path })
  private static let swap = Option(
    letter: "s", value: "blockdev_sdb", help: "the block device or file that is the instance's sdb, its swap",
    read: { $0.disks.dropFirst().first?.path })

  /// The options of each script, in the order of the manual.
  private static func options(of script: Script) -> [Option] {
    switch script {
    case .create, .import: [name, root, swap]
    case .export: [name, root]
    case .rename: [oldName, newName, root, swap]
    case .verify: []
    }
  }

  /// Goes before all other arguments: the script prints what it would do, and touches nothing. No host passes it but
  /// ours.
  package static let dryRun = "--dry-run"

  // MARK: Usage

  /// What the script prints for `-h`, and with the fault when it is called wrongly.
  package static func usage(of script: Script) -> String {
    let purpose =
      switch script {
      case .create: "Installs a guest on the disks of a new instance."
      case .import: "Restores a guest from a dump on standard input and gives it this instance's name."
      case .export: "Writes a dump of the disk to standard output."
      case .rename: "Makes the guest agree with the instance's new name."
      case .verify:
        "Checks the parameters in the environment (OSP_NAME) and the variant in OS_VARIANT, and prints a line for each fault."
      }
    guard script != .verify else { return "usage: verify parameters\n\n\(purpose)\n" }
    let options = options(of: script)
    let line = options.map { "-\($0.letter) \($0.value)" }.joined(separator: " ")
    let width = options.map { $0.value.count }.max() ?? 0
    let rows = options.map { option in
      let padding = String(repeating: " ", count: width - option.value.count)
      return "  -\(option.letter) \(option.value)\(padding)  \(option.help)"
    }
    return """
      usage: \(script.rawValue) [\(dryRun)] \(line)

      \(purpose)

      \(rows.joined(separator: "\n"))

      With OS_API_VERSION in the environment the host passes variables instead. With \(dryRun) the script only prints \
      what it would do.

      """
  }

  /// Whether the caller asks for the usage.
  package static func asksForHelp(_ arguments: [String]) -> Bool {
    arguments.first == "-h" || arguments.first == "--help"
  }

  // MARK: Reading

  /// The definition that is called: version 5 has no argument for a variant, so the directory carries it, as
  /// `NAME+VARIANT`.
  package static func os(in definition: String) -> RequestedOS {
    let name = OSName(parsing: definition.split(separator: "/").last ?? "guestsmith")
    return RequestedOS(definition: definition, name: name.name, variant: name.variant)
  }

  /// Reads the arguments of a script.
  ///
  /// - Throws: `.usage` for options that are missing, unknown, repeated or without a value, and for `verify`, which
  ///   version 5 does not have; `.invalid` for a name that no host passes.
  package static func call(_ script: Script, _ arguments: [String], in definition: String) throws(Failure) -> Call {
    let options = options(of: script)
    var values: [Character: String] = [:]
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      guard argument.count == 2, argument.hasPrefix("-"), let letter = argument.last,
        options.contains(where: { $0.letter == letter })
      else {
        throw Failure(.usage, "\(script.rawValue) has no option or argument \(argument.quoted)")
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
    let purpose: Request.Purpose
    switch script {
    case .create: purpose = .create(isReinstall: false)
    case .import: purpose = .import
    case .export: purpose = .export(sizeDescriptor: nil)
    case .rename: purpose = .rename(from: try name("o"))
    case .verify: throw Failure(.usage, "verify needs OS_API_VERSION in the environment, where it is not set")
    }
    return .request(
      Request(purpose, try name(script == .rename ? "n" : "i"), disks: disks, os: os(in: definition)))
  }

  // MARK: Writing

  /// The arguments of a call; the variant is in the name of the definition's directory.
  package static func words(of request: Request) -> [String] {
    options(of: request.script).flatMap { ["-\($0.letter)", $0.read(request) ?? ""] }
  }
}
