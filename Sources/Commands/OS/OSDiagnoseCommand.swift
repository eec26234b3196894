// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Report

struct OSDiagnoseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diagnose", abstract: "Judge all OS definitions, as gnt-os diagnose does.",
    discussion: """
      Says of each definition whether it is valid, where it lies and what it offers, and why it is not valid. A \
      definition behind another of the same name is shown as [hidden]. Definitions of interface version 5 are judged \
      by the rules of Ganeti 1.2.6 and told in its words, later ones by those of Ganeti 3.0.

      The exit status is 1 when a definition in use is not valid or a folder could not be read.

      Example:
        guestsmith os diagnose --search-path /srv/ganeti/os:/usr/share/ganeti/os
      """)

  @OptionGroup var search: SearchPathOption

  @OptionGroup var output: OutputOptions

  func run() throws {
    let inventory = search.searchPath.inventory()
    inventory.tellUnreadable()
    let node = nodeName()
    try output.write(inventory.diagnosisJSON(node: node), else: inventory.diagnosis(node: node))
    if inventory.hasFaults { throw ExitCode(1) }
  }
}
