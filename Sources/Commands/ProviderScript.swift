// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Glibc
internal import Interface
internal import LinuxIO
internal import Provider
internal import Report

/// The program as a script of an OS definition: under the name and in the place that a host calls it by.
struct ProviderScript {
  private enum Script {
    case operation(Operation)
    case verify
  }

  private let script: Script
  private let definition: String
  private let arguments: [String]

  /// Nil where the program is called by any other name.
  ///
  /// - Parameter commandLine: the first word is how the host called the script, in the definition's directory.
  init?(_ commandLine: [String]) {
    guard let called = commandLine.first else { return nil }
    let parts = called.split(separator: "/", omittingEmptySubsequences: false)
    guard let name = parts.last else { return nil }
    if let operation = Operation(rawValue: String(name)) {
      script = .operation(operation)
    } else if name == "verify" {
      script = .verify
    } else {
      return nil
    }
    let folder = parts.dropLast().joined(separator: "/")
    definition = Self.absolute(parts.count > 1 ? (folder.isEmpty ? "/" : folder) : ".")
    arguments = Array(commandLine.dropFirst())
  }

  func run() throws {
    if Arguments.asksForHelp(arguments) { return try writeText(usage) }
    // Hosts call with a mask that hides everything from others. What is installed in a guest must not depend on it;
    // whatever is to be hidden is made so by itself.
    umask(0o022)
    let variables = ownEnvironment()
    // Parameters may be secrets, and no program that is started here needs one.
    forgetVariables(beginningWith: "OSP_")
    let environment = try Environment(variables)
    switch script {
    case .operation(let operation): try run(operation, environment)
    case .verify: try verify(environment)
    }
  }

  private func run(_ operation: Operation, _ environment: Environment?) throws {
    let request: Request
    do throws(Failure) {
      if let environment {
        guard arguments.isEmpty else {
          throw Failure(.usage, "\(operation.rawValue) takes no arguments when OS_API_VERSION is in the environment")
        }
        request = try environment.request(operation, in: definition)
      } else {
        request = try Arguments.parse(operation, arguments, os: Arguments.os(in: definition))
      }
    } catch {
      throw withUsage(error)
    }
    if environment == nil, let variant = request.variant { try checkVariant(variant) }
    let configuration = try Configuration.load(
      definitionDirectory: definition, variant: request.variant, parameters: request.os.parameters)
    try Provider(configuration: configuration, steps: Steps.forStandardError(quiet: false)).run(request)
  }

  /// In version 5 it is a part of the folder's name, which may have its plus from somebody who did not mean a variant.
  private func checkVariant(_ variant: String) throws(Failure) {
    do throws(Failure) {
      try Configuration.checkVariant(variant, definitionDirectory: definition)
    } catch {
      throw Failure(
        error.code,
        "\(definition) cannot be called: what is behind the '+' in its name is a variant, and \(error.message)",
        remedy: "rename the folder, or write the variant; \(error.remedy ?? "")")
    }
  }

  /// Says of the parameters, a line for each, what is wrong with them.
  private func verify(_ environment: Environment?) throws {
    guard let environment else {
      throw withUsage(Failure(.usage, "verify is called with OS_API_VERSION in the environment, and it is not there"))
    }
    guard arguments == ["parameters"] else {
      throw withUsage(
        Failure(.usage, "verify checks parameters, not \(arguments.joined(separator: " ").quoted)"))
    }
    let faults = Provider.faults(of: try environment.os(in: definition))
    guard let first = faults.first else { return }
    let lines = faults.map { $0.message + ($0.remedy.map { "; \($0)" } ?? "") }
    throw Failure(first.code, lines.joined(separator: "\n"))
  }

  private var usage: String {
    switch script {
    case .operation(let operation): Arguments.usage(of: operation)
    case .verify: Environment.usageOfVerify
    }
  }

  private func withUsage(_ failure: Failure) -> Failure {
    guard failure.code == .usage else { return failure }
    var failure = failure
    failure.message += "\n\n" + usage.trimmed
    return failure
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
