// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

@Suite("What the configuration says of a guest that comes ready-made")
struct GuestSettingsTests {
  private let settings = GuestSettings(
    accounts: Accounts(rootPasswordHash: "$6$a$b", sshKeys: ["ssh-ed25519 AAAA me"]), timezone: "Europe/Zurich")

  @Test("comes into its own files, and its cloud-init keeps the name that they say")
  func applied() throws {
    let guest = MemoryGuest([
      "/etc/shadow": "bin:*:1::::::\nroot:!:2::::::\nadmin:$y$own:3::::::\n", "/etc/cloud/cloud.cfg": "users: []\n",
      "/usr/share/zoneinfo/Europe/Zurich": "TZif",
    ])
    #expect(try settings.apply(to: guest) == [])
    #expect(guest.text("/etc/shadow") == "bin:*:1::::::\nroot:$6$a$b:2::::::\nadmin:$y$own:3::::::\n")
    #expect(guest.text("/root/.ssh/authorized_keys") == "ssh-ed25519 AAAA me\n")
    #expect(guest.entries["/root/.ssh"]?.mode == 0o700)
    #expect(guest.target("/etc/localtime") == "/usr/share/zoneinfo/Europe/Zurich")
    #expect(guest.text("/etc/cloud/cloud.cfg.d/99-guestsmith.cfg")?.hasSuffix("\npreserve_hostname: true\n") == true)
    #expect(guest.text("/etc/cloud/cloud.cfg") == "users: []\n")
  }

  @Test("is told where the guest has no place for it")
  func lacking() throws {
    let guest = MemoryGuest(["/etc/passwd": "root:x:0:0::/root:/bin/sh\n"])
    let notes = try settings.apply(to: guest)
    #expect(
      notes == [
        "root_password_hash is not used: the guest's /etc/shadow has no line for root",
        "the guest keeps its time zone: the guest knows no time zone 'Europe/Zurich'",
      ])
    #expect(guest.text("/root/.ssh/authorized_keys") == "ssh-ed25519 AAAA me\n")
    #expect(try guest.kind("/etc/cloud") == nil)
  }

  @Test("leaves all as it is where nothing is set")
  func nothing() throws {
    let guest = MemoryGuest(["/etc/shadow": "root:$y$own:3::::::\n"])
    #expect(try GuestSettings().apply(to: guest) == [])
    #expect(guest.changes == [])
  }
}
