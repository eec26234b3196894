// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Glibc
internal import Interface
internal import LinuxIO
internal import Provider
internal import Report

/// The program as a script of an OS definition: under the name and in the place that a host calls it by.
struct ProviderScript {
  private let operation: Operation
  private let definition: String
  private let arguments: [String]

  /// Nil where the program is called by any other name.
  ///
  /// - Parameter commandLine: the first word is how the host called the script, in the definition's directory.
  init?(_ commandLine: [String]) {
    guard let called = commandLine.first else { return nil }
    let parts = called.split(separator: "/", omittingEmptySubsequences: false)
    guard let operation = parts.last.flatMap({ Operation(rawValue: String($0)) }) else { return nil }
    self.operation = operation
    let folder = parts.dropLast().joined(separator: "/")
    definition = Self.absolute(parts.count > 1 ? (folder.isEmpty ? "/" : folder) : ".")
    arguments = Array(commandLine.dropFirst())
  }

  func run() throws {
    if Arguments.asksForHelp(arguments) { return try writeOutput([Arguments.usage(of: operation)], terminator: "") }
    let request: Request
    do throws(Failure) {
      request = try Arguments.parse(operation, arguments, definition: definition, variant: variant)
    } catch {
      guard error.code == .usage else { throw error }
      var fault = error
      fault.message += "\n\n" + Arguments.usage(of: operation).trimmed
      throw fault
    }
    let configuration = try Configuration.load(definitionDirectory: definition, variant: variant)
    try Provider(configuration: configuration, steps: Steps.forStandardError(quiet: false)).run(request)
  }

  /// The interface of API 5 has no word for a variant: the definition's directory carries it, as `NAME+VARIANT`.
  private var variant: String? {
    let name = definition.split(separator: "/").last ?? ""
    return name.firstIndex(of: "+").map { String(name[name.index(after: $0)...]) }
  }

  /// As it is called, links and all: the directory's own name tells the variant.
  private static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
    defer { free(current) }
    return path == "." ? String(cString: current) : "\(String(cString: current))/\(path)"
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = self
    while text.hasSuffix("\n") { text.removeLast() }
    return text
  }
}
