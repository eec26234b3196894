// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Report

struct OSAdaptCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adapt", abstract: "Make an OS definition of one version usable by hosts of another.",
    discussion: """
      Makes the folder DIR/NAME with small scripts that translate what a host says into what the definition SOURCE \
      understands, and call it: arguments into variables for hosts of version 5, and variables into arguments for hosts \
      of the later ones. Between those, what a side does not know is added or dropped. A definition of version 4 gets \
      the rename script of the manual. SOURCE is called where it is, unless it is copied.

      A definition of version 5 gets block devices: loop devices where the disks are files. It knows a root disk and \
      swap: an instance with one disk gets some swap that is thrown away, an export of the second disk is refused when \
      it is not swap, and further disks are copied as they are. For hosts of version 5 the second disk is made swap, \
      and a variant and parameters are chosen here; the file that keeps them is for root only. Making it again brings \
      it up to date.

      Examples:
        guestsmith os adapt /srv/old/os/etch --to 20 --into /srv/ganeti/os
        guestsmith os adapt debootstrap --to 5 --variant default --into /srv/ganeti/os --copy
      """)

  @Argument(help: "The definition: its name on the search path, or its folder, with a slash in it.")
  var source: String

  @Option(help: ArgumentHelp("The version that the hosts know: 20, 15, 10 or 5.", valueName: "version"))
  var to: Int

  @Option(help: ArgumentHelp("Folder to make the definition in.", valueName: "dir"))
  var into: String

  @Option(help: "Name of the definition; without it that of the source.")
  var name: String?

  @Option(help: "The variant of the source to use, for hosts of version 5 and 10; without it the first.")
  var variant: String?

  @OptionGroup(title: "Parameters of the source, for hosts of version 5, 10 and 15")
  var parameters: ParameterOptions

  @Flag(help: "Copy the source into the definition, which then needs nothing else.")
  var copy = false

  @OptionGroup var mode: DryRunOption

  @OptionGroup var output: OutputOptions

  @OptionGroup var search: SearchPathOption

  func run() throws {
    let choices = Adaptation.Choices(variant: variant, parameters: try chosenParameters(), isCopied: copy)
    let adaptation = try Adaptation(of: try folder(), to: to, into: into, name: name, choices)
    let outcome = mode.isDry ? nil : try adaptation.install()
    try output.write(adaptation.json(outcome), else: adaptation.lines(outcome))
  }

  private func folder() throws(Failure) -> String {
    if source.contains("/") { return source }
    return try search.searchPath.folder(of: source)
  }

  private func chosenParameters() throws(Failure) -> [(name: String, value: String)] {
    let all = try parameters.all()
    if let secret = all.first(where: { $0.value.visibility == .secret }) {
      throw Failure(
        .usage, "the parameter \(secret.key.quoted) is secret, and would be kept in the definition",
        remedy: "put it into the section private, if a file that only root reads may have it")
    }
    return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value.value) }
  }
}

extension Adaptation {
  func lines(_ outcome: InstallationOutcome?) -> [String] {
    let words = "version \(sourceVersion) for hosts of version \(version)"
    switch outcome {
    case .installed: return ["Adapted \(source) as \(path): \(words)."]
    case .unchanged: return ["Nothing to do: \(path) is \(source) already, \(words)."]
    case .completed(let files): return ["Brought \(path) up to date: \(files.joined(separator: ", "))."]
    case nil: return files.flatMap { ["==> \(path)/\($0.name) (mode \($0.modeText))"] + $0.lines }
    }
  }

  func json(_ outcome: InstallationOutcome?) -> JSON {
    let told: JSON =
      switch outcome {
      case .installed: "installed"
      case .unchanged: "unchanged"
      case .completed: "completed"
      case nil: "dry run"
      }
    return [
      "path": .string(path), "source": .string(source), "source_version": .integer(sourceVersion),
      "version": .integer(version), "outcome": told,
      "files": .array(
        files.map { ["name": .string($0.name), "mode": .string($0.modeText), "bytes": .integer($0.size)] }),
    ]
  }
}

extension Adaptation.File {
  var modeText: String { String(mode, radix: 8) }

  var lines: [String] {
    guard let text else { return ["(\(size) bytes)"] }
    return text.isEmpty ? [] : text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }
}
