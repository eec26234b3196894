// SPDX-License-Identifier: Apache-2.0
internal import Interface
internal import Report

/// The files of an adapted definition, but for a copy of its source.
struct AdaptationScripts: Sendable {
  private(set) var entries: [String: DefinitionDraft.Entry] = [:]

  static let sharedFile = "adapted.sh"
  /// How the shared file of every adaptation starts.
  static let mark = "# Made by guestsmith os adapt from "
  static let parametersFile = "parameters.sh"
  /// Of that file: parameters may be secrets.
  static let secretMode: UInt32 = 0o600

  private let source: AdaptationSource
  private let version: Int
  private let choices: Adaptation.Choices

  init(_ source: AdaptationSource, _ version: Int, _ choices: Adaptation.Choices) throws(Failure) {
    self.source = source
    self.version = version
    self.choices = choices
    guard InterfaceVersion.all.contains(version) else {
      throw Failure(
        .usage, "interface version \(version) is unknown",
        remedy: "use --to 20, 15 or 10 for Ganeti 2 and 3, or --to 5 for Ganeti 1.2")
    }
    try checkVariant()
    let declared = version == 5 ? [5] : InterfaceVersion.byEnvironment.filter { $0 <= version }.reversed()
    entries[DefinitionFile.version] = .text(declared.map { "\($0)\n" }.joined())
    if version >= InterfaceVersion.firstWithVariants { entries[DefinitionFile.variants] = .text(variantsList) }
    if version >= InterfaceVersion.firstWithParameters { entries[DefinitionFile.parameters] = .text(parametersList) }
    let parameters = try parameterAssignments()
    if !parameters.isEmpty {
      entries[Self.parametersFile] = .file(Array((header + parameters).utf8), mode: Self.secretMode)
    }
    switch (source.speech, version) {
    case (.arguments(let hasRename), 5):
      add(shared: header + Self.settings + sourceLine + Self.changedFolder)
      for script in Script.called(in: version) { add(script, #"run \#(script.rawValue) "$@""#) }
      if !hasRename { addManualsRename() }
    case (.arguments(let hasRename), _):
      add(shared: header + Self.settings + sourceLine + Self.argumentsFunctions)
      for (script, body) in Self.argumentsScripts { add(script, body) }
      if !hasRename { addManualsRename() }
      if version >= InterfaceVersion.firstWithParameters {
        add(.verify, "# There are no parameters; hosts refuse unknown ones.\nexit 0")
      }
    case (.environment, 5):
      add(shared: header + Self.settings + Self.environmentStart + sourceLine + told + Self.environmentFunctions)
      for (script, body) in Self.environmentScripts { add(script, body) }
    case (.environment, _):
      add(shared: header + Self.settings + sourceLine + told + Self.passingFunctions)
      add(.create, (checksItself ? "check_parameters\n" : "") + "run create")
      for script in [Script.import, .export, .rename] { add(script, "run \(script.rawValue)") }
      if version >= InterfaceVersion.firstWithParameters {
        add(
          .verify,
          source.version >= InterfaceVersion.firstWithParameters
            ? #"run verify "$@""# : "# The source has no parameters.\nexit 0")
      }
    }
  }

  // MARK: What is chosen

  /// Whether hosts do not check the parameters that the source has.
  private var checksItself: Bool {
    version < InterfaceVersion.firstWithParameters && source.version >= InterfaceVersion.firstWithParameters
  }

  private func checkVariant() throws(Failure) {
    guard let variant = choices.variant else { return }
    guard version < InterfaceVersion.firstWithVariants else {
      throw Failure(
        .usage, "hosts of version \(version) choose among the variants themselves", remedy: "leave --variant out")
    }
    guard source.variants.contains(variant) else {
      throw Failure(
        .invalid, "the OS \(source.name) has no variant \(variant.quoted)",
        remedy: source.variants.isEmpty
          ? "it has no variants" : "it has: \(source.variants.joined(separator: ", "))")
    }
  }

  /// Hosts before Ganeti 2.5 want one at least.
  private var variantsList: String {
    (source.variants.isEmpty ? ["default"] : source.variants).map { $0 + "\n" }.joined()
  }

  private var parametersList: String { source.parameters.map { "\($0.name) \($0.help)\n" }.joined() }

  private func parameterAssignments() throws(Failure) -> String {
    var text = ""
    for (name, value) in choices.parameters {
      guard version < InterfaceVersion.firstWithParameters else {
        throw Failure(.usage, "hosts of version 20 give parameters themselves", remedy: "leave -O out")
      }
      guard source.parameters.contains(where: { $0.name.lowercased() == name.lowercased() }) else {
        let names = source.parameters.map(\.name)
        throw Failure(
          .invalid, "the OS \(source.name) has no parameter \(name.quoted)",
          remedy: names.isEmpty ? "it has no parameters" : "it has: \(names.joined(separator: ", "))")
      }
      guard isPluginName(name), !name.utf8.contains(0), !value.utf8.contains(0) else {
        throw Failure(.invalid, "a shell has no variable for the parameter \(name.quoted)")
      }
      text += "export \(Environment.variable(ofParameter: name))=\(Self.word(value))\n"
    }
    return text
  }

  // MARK: The parts of the texts

  private var header: String {
    let hosts = version == 5 ? "5" : "10 to \(version)"
    return """
      \(Self.mark)\(source.path.escaped), which speaks
      # version \(source.version) of Ganeti's guest OS interface, for hosts of version \(version == 10 ? "10" : hosts).
      # shellcheck shell=sh disable=SC2034,SC2154

      """
  }

  private var sourceLine: String {
    choices.isCopied
      ? "source=$(cd \"${0%/*}/\(Adaptation.copy)\" && pwd)\n"
      : "source=\(Self.word(source.path))\n"
  }

  /// What the source is told of itself.
  private var told: String {
    var text = "export OS_API_VERSION=\(source.version) OS_NAME=\(Self.word(source.name))\n"
    if source.version >= InterfaceVersion.firstWithVariants {
      let fixed = choices.variant ?? source.variants.first ?? ""
      let isToldByHost = version >= InterfaceVersion.firstWithVariants && !source.variants.isEmpty
      if isToldByHost { text += "[ -n \"${OS_VARIANT-}\" ] || " }
      text += "OS_VARIANT=\(Self.word(fixed))\nexport OS_VARIANT\n"
    } else {
      text += "unset OS_VARIANT\n"
    }
    if version < InterfaceVersion.firstWithParameters, !choices.parameters.isEmpty {
      text += ". \"${0%/*}/\(Self.parametersFile)\"\n"
    }
    if checksItself { text += Self.parameterCheck }
    return text
  }

  /// One word of a shell, whatever is in it.
  static func word(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }

  private mutating func add(shared text: String) { entries[Self.sharedFile] = .text(text) }

  private mutating func add(_ script: Script, _ body: String) {
    let text = """
      #!/bin/sh
      \(header)
      # shellcheck source=adapted.sh
      . "${0%/*}/adapted.sh"
      \(body.replacing("@check\n", with: checksItself ? "check_parameters\n" : ""))

      """
    entries[script.rawValue] = .text(text, mode: 0o755)
  }

  /// As ganeti-os-interface(7) of version 5 has it for definitions of version 4.
  private mutating func addManualsRename() {
    entries[Script.rename.rawValue] = .text("#!/bin/sh\n\nexit 0\n", mode: 0o755)
  }
}
