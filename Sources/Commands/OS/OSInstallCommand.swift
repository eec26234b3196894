// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Configuration
internal import Host
internal import Report

struct OSInstallCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Install guestsmith as an OS definition.",
    discussion: """
      Makes the folder DIR/NAME with create, import, export and rename, which are symbolic links to this program, and \
      ganeti_api_version. For hosts of version 15 and later variants.list has the variants that are there: a file \
      VARIANT.toml each in /etc/guestsmith/variants, or in the folder variants beside the scripts; without any there is \
      one, default. For version 20 there are verify and parameters.list too. The definition's own configuration, \
      guestsmith.toml, may be put beside them. Installing again brings the lists up to date, and changes nothing else; a \
      folder with anything else in it is left alone. That of the Debian package is in /usr/share/ganeti/os: one in \
      another folder hides it, or is hidden by it.

      Examples:
        guestsmith os install --api 5
        guestsmith os install --api 20 --into /usr/share/ganeti/os
      """)

  @Option(help: "The version of the guest OS interface: 5 for Ganeti 1.2; 20, 15 or 10 for Ganeti 2 and 3.")
  var api: Int

  @Option(help: ArgumentHelp("Folder to install into.", valueName: "dir"))
  var into = SearchPath.standard.folders[0]

  @Option(help: "Name of the OS definition.")
  var name = "guestsmith"

  @Option(help: "Variant, for version 5: the definition is called NAME+VARIANT.")
  var variant: String?

  func run() throws {
    let program = try OSInstallation.runningProgram()
    let variants = Configuration.variants(definitionDirectory: "\(into)/\(name)")
    let offered = variants.isEmpty ? [Configuration.defaultVariant] : variants
    let installation = try installation(program, offered)
    let done =
      switch try installation.install() {
      case .installed: "Installed \(installation.path): version \(api) of the interface, run by \(program)."
      case .unchanged: "Nothing to do: \(installation.path) is installed already, run by \(program)."
      case .completed(let files):
        "Brought \(installation.path) up to date: \(files.joined(separator: ", ")); run by \(program)."
      }
    try writeOutput([done, "Next: \(nextCommand(installation, offered))"])
    if api == 5 { noteShortcomings() }
  }

  /// What of Ganeti 1.2 stands in the way of this definition here.
  private func noteShortcomings() {
    let steps = Steps.forStandardError(quiet: false)
    if !SystemShell.redirectsBothOutputs {
      steps.note(
        "warning: /bin/sh does not understand &>, by which Ganeti 1.2.6 calls scripts: their status and log are lost, and "
          + "an import reads nothing and leaves an empty disk; make bash the /bin/sh of its nodes (see docs/ganeti-1.2.md)"
      )
    }
    if variant != nil {
      steps.note("note: Ganeti 1.2.9 and later find no definition with a '+' in its name; 1.2.6 does")
    }
  }

  private func installation(_ program: String, _ variants: [String]) throws(Failure) -> OSInstallation {
    switch api {
    case 5:
      if let variant { try Configuration.checkVariant(variant, definitionDirectory: "\(into)/\(name)+\(variant)") }
      return try OSInstallation(into: into, name: name, variant: variant, program: program)
    case 10, 15, 20:
      guard variant == nil else {
        throw Failure(
          .usage, "version \(api) has its variants in one definition",
          remedy: "write \(Configuration.systemDirectory)/variants/\(variant ?? "NAME").toml, and leave --variant out")
      }
      return try OSInstallation(
        into: into, name: name, program: program, version: api, variants: variants,
        parameters: Key.parameters.map { ($0.name, $0.parameterHelp) })
    default:
      throw Failure(
        .usage, "interface version \(api) cannot be installed",
        remedy: "use --api 20 for Ganeti 2 and 3, or --api 5 for Ganeti 1.2")
    }
  }

  private func nextCommand(_ installation: OSInstallation, _ variants: [String]) -> String {
    guard api == 5 else {
      let variant = api >= 15 ? preferredVariant(of: variants) : nil
      let os = name + (variant.map { "+\($0)" } ?? "")
      return "gnt-instance add -o \(os) -t plain -H kvm:kernel_path= -B memory=1G --disk 0:size=4G vm1.example.com"
    }
    let os = name + (variant.map { "+\($0)" } ?? "")
    let folder = String(installation.path.dropLast(os.count + 1))
    let search = SearchPath.standard.folders.contains(folder) ? "" : " --search-path \(folder)"
    return
      "guestsmith instance create vm1.example.com -o \(os)\(search) --disk 0:size=10G --disk 1:size=1G"
  }
}
