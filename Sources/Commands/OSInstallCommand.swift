// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Report

struct OSInstallCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Install guestsmith as an OS definition.",
    discussion: """
      Makes the folder DIR/NAME with create, import, export and rename, which are symbolic links to this program, and \
      ganeti_api_version. Its configuration, guestsmith.toml, may be put beside them. Installing again changes nothing; \
      a folder with anything else in it is left alone.

      Example:
        guestsmith os install --api 5
      """)

  @Option(help: "The version of the guest OS interface: 5, which is that of Ganeti 1.2.")
  var api: Int

  @Option(help: ArgumentHelp("Folder to install into.", valueName: "dir"))
  var into = SearchPath.standard.folders[0]

  @Option(help: "Name of the OS definition.")
  var name = "guestsmith"

  @Option(help: "Variant: the definition is called NAME+VARIANT.")
  var variant: String?

  func run() throws {
    guard api == 5 else {
      throw Failure(
        .usage, "interface version \(api) cannot be installed", remedy: "use --api 5, the version of Ganeti 1.2")
    }
    let program = try OSInstallation.runningProgram()
    let installation = try OSInstallation(into: into, name: name, variant: variant, program: program)
    let done =
      switch try installation.install() {
      case .installed: "Installed \(installation.path): version 5 of the interface, run by \(program)."
      case .unchanged: "Nothing to do: \(installation.path) is installed already, run by \(program)."
      case .completed(let files):
        "Brought \(installation.path) up to date: \(files.joined(separator: ", ")); run by \(program)."
      }
    try writeOutput([done, "Next: \(nextCommand(installation))"])
  }

  private func nextCommand(_ installation: OSInstallation) -> String {
    let os = name + (variant.map { "+\($0)" } ?? "")
    let folder = String(installation.path.dropLast(os.count + 1))
    let search = SearchPath.standard.folders.contains(folder) ? "" : " --search-path \(folder)"
    return
      "guestsmith instance create vm1.example.com --os \(os)\(search) --disk /srv/vm1.img:10G --swap /srv/vm1.swap:1G"
  }
}
