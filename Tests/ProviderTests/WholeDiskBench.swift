// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

/// The program's scripts on a whole disk, without a bootstrap: the image of a guest that boots by itself is in the cache.
struct WholeDiskBench {
  let scratch: Scratch
  let definition: EnvironmentDefinition
  let guest: SmallGuest
  /// With the guest old.example.com on all of it.
  let disk: String
  /// Of what create makes on it.
  static let layout = PartitionedGuest(
    description: "Guestsmith", script: "", isGPT: true, root: (1, 128, 700 - 129), fstab: "")

  init(_ scratch: Scratch) throws {
    self.scratch = scratch
    definition = try EnvironmentDefinition(in: scratch, cache: scratch("cache"))
    guest = try SmallGuest(in: scratch, configuration: "layout = \"gpt\"")
    disk = try guest.disk(mebibytes: 700)
    try guest.run(
      guest.request(.create(isReinstall: false), "old.example.com", disks: [disk]), guest.surroundings(boots: true))
    // For the program alone: the tasks of its workers are threads then, so that one log has the writes of all.
    let configuration = guest.definition + "/guestsmith.toml"
    try shell("printf '\\nsandbox = \"off\"\\n' >>'\(configuration)'")
  }

  static func with(_ body: (WholeDiskBench) throws -> Void) throws {
    try withScratch { try body(WholeDiskBench($0)) }
  }

  /// The call of a script as a line of shell.
  func line(
    _ script: String, _ name: String, _ disk: String, _ more: [String: String] = [:], from input: String = "/dev/null"
  ) -> String {
    var words = EnvironmentDefinition.instance(name, disks: [disk]).merging(more) { $1 }
    if script == "import" {
      words.merge(["IMPORT_INDEX": "0", "IMPORT_DEVICE": disk, "IMPORT_DISK_PATH": disk]) { $1 }
    }
    return definition.line(script, words) + " <'\(input)'"
  }

  enum State: Equatable {
    /// No firmware and no kernel finds anything.
    case nothing
    /// With this in its /etc/hostname.
    case guest(String?)
  }

  static func state(of disk: String, _ layout: PartitionedGuest) throws -> State {
    let hasTable = try bash("/sbin/sfdisk --dump '\(disk)'").status == 0
    let isKnown = try bash("/sbin/blkid --probe '\(disk)'").status != 2
    let mark = try Descriptor(disk, O_RDONLY).bytes(at: 510, count: 2)
    if !hasTable, !isKnown, mark != [0x55, 0xAA] { return .nothing }
    return .guest(try guestFile("/etc/hostname", on: layout.rootOn(disk)))
  }
}
