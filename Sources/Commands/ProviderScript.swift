// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Glibc
internal import Interface
internal import LinuxIO
internal import Provider
internal import Report

/// The program as a script of an OS definition: under the name and in the place that a host calls it by.
struct ProviderScript {
  private let script: Script
  private let definition: String
  private let arguments: [String]
  /// Prints the plan and touches nothing: for a person, and for our own host.
  private let isDryRun: Bool

  /// Nil where the program is called by any other name.
  ///
  /// - Parameter commandLine: the first word is how the host called the script, in the definition's directory.
  init?(_ commandLine: [String]) {
    guard let called = commandLine.first else { return nil }
    let parts = called.split(separator: "/", omittingEmptySubsequences: false)
    guard let name = parts.last, let script = Script(rawValue: String(name)) else { return nil }
    self.script = script
    let folder = parts.dropLast().joined(separator: "/")
    definition = Self.absolute(parts.count > 1 ? (folder.isEmpty ? "/" : folder) : ".")
    var arguments = Array(commandLine.dropFirst())
    isDryRun = script != .verify && arguments.first == Arguments.dryRun
    if isDryRun { arguments.removeFirst() }
    self.arguments = arguments
  }

  func run() throws(Failure) {
    if Arguments.asksForHelp(arguments) { return try writeText(Arguments.usage(of: script)) }
    // Hosts call with a mask that hides everything from others. What is installed in a guest must not depend on it;
    // whatever is to be hidden is made so by itself.
    umask(0o022)
    let variables = ownEnvironment()
    // Parameters may be secrets, and no program that is started here needs one.
    forgetVariables(beginningWith: "OSP_")
    let environment = try Environment(variables)
    let call: Call
    do throws(Failure) {
      if let environment {
        call = try environment.call(script, arguments, in: definition)
      } else {
        call = try Arguments.call(script, arguments, in: definition)
      }
    } catch {
      throw withUsage(error)
    }
    switch call {
    case .request(let request):
      if environment == nil, let variant = request.variant { try checkVariant(variant) }
      try run(request)
    case .verify(let os): try verify(os)
    }
  }

  private func run(_ request: Request) throws(Failure) {
    if !isDryRun { Sandbox.lookAhead() }
    let configuration = try Configuration.load(
      definitionDirectory: definition, variant: request.variant, parameters: request.os.parameters)
    let provider = Provider(configuration: configuration)
    guard !isDryRun else { return try writeOutput(provider.plan(request)) }
    try provider.run(request, Steps.forStandardError(quiet: false))
  }

  /// In version 5 the variant is a part of the folder's name, in which a plus may have been meant otherwise.
  private func checkVariant(_ variant: String) throws(Failure) {
    do throws(Failure) {
      try Configuration.checkVariant(variant, definitionDirectory: definition)
    } catch {
      throw Failure(
        error.code,
        "\(definition) cannot be called: the part of its name after '+' is a variant, and \(error.message)",
        remedy: "rename the folder, or write the variant; \(error.remedy ?? "")")
    }
  }

  /// Prints a line for each fault of the parameters.
  private func verify(_ os: RequestedOS) throws(Failure) {
    let faults = VerifyPlan(os).faults
    guard let first = faults.first else { return }
    let lines = faults.map { $0.message + ($0.remedy.map { "; \($0)" } ?? "") }
    throw Failure(first.code, lines.joined(separator: "\n"))
  }

  private func withUsage(_ failure: Failure) -> Failure {
    guard failure.code == .usage else { return failure }
    var failure = failure
    failure.message += "\n\n" + Arguments.usage(of: script).trimmed
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
