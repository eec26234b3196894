// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("A caller with little of the machine")
struct PriorityTests {
  @Test(
    "gets its guest exported and imported", arguments: ["nice -n 10", "ionice -c 3", "chrt --batch 0", "taskset -c 0"])
  func works(as runner: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let scripts = guest.definition.folder
      let restored = try guest.imported(
        as: "vm2", from: "\(runner) '\(scripts)/export' -i vm1.example.com -b '\(guest.disk)'", by: runner)
      #expect(try guestFile("/etc/hostname", on: restored.disk) == "vm2\n")
    }
  }
}
