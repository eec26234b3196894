// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension EndToEnd {
  /// A host may call a script with any of its three standard streams closed. None of the files that are opened may take
  /// their place: what is meant for a log would end up on a guest's disk.
  @Suite("Standard streams that are closed")
  struct ClosedStreams {
    private static let all = ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"]

    @Test("Create and rename work as ever, and write nothing but the guest to its disk", arguments: all)
    func createAndRename(closed: String) throws {
      try withScratch { scratch in
        let definition = try InstalledDefinition(in: scratch)
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        try succeeded(bash("\(definition.folder)/create -i vm1.example.com -b '\(disk)' -s '\(swap)' \(closed)"))
        try expectGuest("vm1.example.com", on: disk, swap: swap)
        try succeeded(
          bash("\(definition.folder)/rename -o vm1.example.com -n vm2.example.com -b '\(disk)' -s '\(swap)' \(closed)"))
        try expectGuest("vm2.example.com", on: disk, swap: swap)
      }
    }

    @Test("Import restores a whole guest", arguments: [">&-", "2>&-", ">&- 2>&-"])
    func restore(closed: String) throws {
      try withScratch { scratch in
        let template = try template()
        let definition = try InstalledDefinition(in: scratch)
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        try succeeded(
          bash(
            "gunzip <'\(template.dump)' | "
              + "\(definition.folder)/import -i vm1.example.com -b '\(disk)' -s '\(swap)' \(closed)"))
        try expectGuest("vm1.example.com", on: disk, swap: swap)
      }
    }

    @Test("Import without standard input is refused, and leaves no guest on the disk")
    func restoreWithoutInput() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        let outcome = try bash(
          "\(definition.folder)/import -i vm1.example.com -b '\(guest.disk)' -s '\(guest.swap)' <&-")
        #expect(outcome.status == Failure.Code.usage.rawValue, "\(outcome)")
        #expect(outcome.errors.contains("standard input is closed"), "\(outcome)")
        #expect(try tag("TYPE", of: guest.disk) == nil)
      }
    }

    @Test("Export without standard output is refused; without standard error the dump is whole")
    func export() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        let export = "\(definition.folder)/export -i vm1.example.com -b '\(guest.disk)'"
        for closed in [">&-", "<&- >&-"] {
          let outcome = try bash("\(export) \(closed)")
          #expect(outcome.status == Failure.Code.usage.rawValue, "\(outcome)")
          #expect(outcome.errors.contains("standard output is closed"), "\(outcome)")
        }
        #expect(try bash("\(export) >&- 2>&-").status == Failure.Code.usage.rawValue)
        for closed in ["2>&-", "<&- 2>&-", "<&-"] {
          try succeeded(bash("\(export) \(closed) >'\(scratch("dump"))'"))
          try succeeded(bash("'\(program)' dump verify '\(scratch("dump"))'"))
        }
        #expect(try problems(of: guest.disk) == nil)
      }
    }

    @Test("A command that has something to say to standard output fails without one")
    func commands() throws {
      for arguments in ["os list", "--help", "config sample"] {
        let outcome = try bash("'\(program)' \(arguments) >&-")
        #expect(outcome.status == Failure.Code.usage.rawValue, "\(arguments): \(outcome)")
      }
    }
  }
}
