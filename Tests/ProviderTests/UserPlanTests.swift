// SPDX-License-Identifier: Apache-2.0
import Images
import Interface
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("A guest with a user")
struct UserPlanTests {
  private static let key = "ssh-ed25519 AAAAC3 me"
  private static let parameters = ["user": "admin", "ssh_keys": key, "user_password_hash": "$6$SECRET$hash"]

  private func owner(_ path: String, on disk: String) throws -> String {
    try shell(
      "debugfs -R 'stat \(path)' '\(disk)' 2>/dev/null | tr -s ' ' | grep -oE 'Mode: [0-7]+|User: [0-9]+' | paste -sd' '"
    )
  }

  @Test("lets that user in by ssh_keys and the password, and not root; its hash is in no word and no plan")
  func created() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk()
      let request = try guest.request(.create(isReinstall: false), disks: [disk])
      let plan = try guest.plan(request, parameters: Self.parameters)
      #expect(plan.contains("user admin: sudo, ssh_keys, a password"), "\(plan)")
      let lines = Lines()
      try guest.run(request, parameters: Self.parameters, steps: Steps(.plain, write: { lines.write($0) }))
      #expect(try problems(of: disk) == nil)
      #expect(!(lines.all + plan.joined()).contains("SECRET"))
      #expect(try guestFile("/etc/passwd", on: disk)?.hasSuffix("admin:x:1000:1000::/home/admin:/bin/sh\n") == true)
      #expect(try guestFile("/etc/shadow", on: disk)?.hasSuffix("admin:$6$SECRET$hash::0:99999:7:::\n") == true)
      #expect(try guestFile("/etc/group", on: disk)?.hasSuffix("admin:x:1000:\n") == true)
      #expect(try guestFile("/home/admin/.ssh/authorized_keys", on: disk) == "\(Self.key)\n")
      #expect(try guestFile("/root/.ssh/authorized_keys", on: disk) == nil)
      #expect(try owner("/home/admin", on: disk) == "Mode: 0700 User: 1000")
      #expect(try owner("/home/admin/.ssh/authorized_keys", on: disk) == "Mode: 0600 User: 1000")
      // The bootstrap of these tests installs no packages.
      #expect(lines.all.contains("admin can't become root: the guest lacks sudo"), "\(lines.all)")
    }
  }

  @Test("is made of an image with sudo, which one without a user does not have")
  func packages() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      #expect(try guest.configuration(Self.parameters).imageRequests.allSatisfy { $0.packages == ["sudo"] })
      #expect(try guest.configuration().imageRequests.allSatisfy { $0.packages == [] })
    }
  }

  @Test("is told by a seed where its files can't be edited")
  func seeded() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try guest.emptyXFS()
      let disk = try guest.disk(mebibytes: 500)
      let told = try guest.restore(
        raw, to: disk, as: "vm2.example.com", parameters: Self.parameters.merging(["configure": "seed"]) { $1 })
      let seed = try #require(try SeedDisk(disk), "\(told)")
      #expect(!told.contains("SECRET"))
      let text = try #require(try seed.vendor("guestsmith.cfg")).dropFirst("#cloud-config\n".count)
      let vendor = try JSON(parsing: Array(text.utf8))
      let user = try #require(vendor["users"]?.array?.first)
      #expect(user["name"] == "admin" && user["ssh_authorized_keys"] == [.string(Self.key)])
      #expect(user["hashed_passwd"] == "$6$SECRET$hash" && user["lock_passwd"] == false)
      #expect(vendor["ssh_authorized_keys"] == nil && vendor["disable_root"] == nil)
    }
  }
}
