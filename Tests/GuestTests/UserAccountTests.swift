// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

@Suite("The account of an administrator")
struct UserAccountTests {
  private static let key = "ssh-ed25519 AAAA me"

  private func accounts(_ name: String = "admin", hash: String? = "$6$a$b") -> Accounts {
    var accounts = Accounts(sshKeys: [Self.key])
    accounts.user = UserAccount(name: name, passwordHash: hash)
    return accounts
  }

  private func guest(_ more: [ByteString: String] = [:]) -> MemoryGuest {
    let files: [ByteString: String] = [
      "/etc/passwd":
        "root:x:0:0:root:/root:/bin/bash\nmail:x:8:8::/var/mail:/bin/false\nme:x:1000:1000::/home/me:/bin/sh\n",
      "/etc/shadow": "root:*:1::::::\nmail:*:1::::::\nme:$y$own:1::::::\n",
      "/etc/group": "root:x:0:\nsudo:x:27:me\nme:x:1000:\nother:x:1001:\n", "/etc/gshadow": "root:*::\nsudo:*::me\n",
      "/usr/bin/sudo": "", "/bin/bash": "", "/etc/skel/.bashrc": "# bash\n", "/etc/skel/.config/x/y": "z",
    ]
    return MemoryGuest(files.merging(more) { $1 })
  }

  @Test("is made as useradd makes it: a number that is free, a group, a home with what skel has")
  func made() throws {
    let guest = guest()
    #expect(try accounts().add(to: guest) == [])
    #expect(guest.text("/etc/passwd")?.hasSuffix("\nadmin:x:1002:1002::/home/admin:/bin/bash\n") == true)
    #expect(guest.text("/etc/shadow")?.hasSuffix("\nadmin:$6$a$b::0:99999:7:::\n") == true)
    #expect(guest.text("/etc/group") == "root:x:0:\nsudo:x:27:me,admin\nme:x:1000:\nother:x:1001:\nadmin:x:1002:\n")
    #expect(guest.text("/etc/gshadow") == "root:*::\nsudo:*::me,admin\nadmin:!::\n")
    #expect(guest.text("/etc/sudoers.d/90-guestsmith") == "admin ALL=(ALL:ALL) NOPASSWD: ALL\n")
    #expect(guest.entries["/etc/sudoers.d/90-guestsmith"]?.mode == 0o440)
    let modes: [ByteString: UInt16] = [
      "/home/admin": 0o700, "/home/admin/.bashrc": 0o644, "/home/admin/.config/x": 0o755, "/home/admin/.ssh": 0o700,
      "/home/admin/.ssh/authorized_keys": 0o600,
    ]
    for (path, mode) in modes {
      let entry = try #require(guest.entries[path], "\(path)")
      #expect(entry.uid == 1002 && entry.gid == 1002 && entry.mode == mode, "\(path)")
    }
    #expect(guest.text("/home/admin/.config/x/y") == "z")
    #expect(guest.text("/home/admin/.ssh/authorized_keys") == "\(Self.key)\n")
    #expect(guest.text("/root/.ssh/authorized_keys") == nil)
  }

  @Test("made twice is made once")
  func twice() throws {
    let guest = guest()
    _ = try accounts().add(to: guest)
    let once = guest.entries
    #expect(try accounts().add(to: guest) == [])
    #expect(guest.entries == once)
  }

  @Test("has no password unless one is set, and the mode of its home that login.defs says")
  func passwordless() throws {
    let guest = guest(["/etc/login.defs": "# HOME_MODE 0777\nHOME_MODE\t0750\n"])
    _ = try accounts(hash: nil).add(to: guest)
    #expect(guest.text("/etc/shadow")?.hasSuffix("\nadmin:*::0:99999:7:::\n") == true)
    #expect(guest.entries["/home/admin"]?.mode == 0o750)
  }

  @Test("that is there stays, with its keys, and gets what is set")
  func existing() throws {
    let guest = guest(["/home/me/.ssh/authorized_keys": "ssh-rsa AAAA own"])
    #expect(try accounts("me").add(to: guest) == [])
    #expect(guest.text("/etc/shadow")?.contains("\nme:$6$a$b:1::::::\n") == true)
    #expect(guest.text("/home/me/.ssh/authorized_keys") == "ssh-rsa AAAA own\n\(Self.key)\n")
    #expect(guest.text("/etc/group")?.contains("sudo:x:27:me\n") == true)
    #expect(guest.entries["/home/me/.ssh/authorized_keys"]?.uid == 1000)
    #expect(try guest.kind("/home/me/.bashrc") == nil)
  }

  @Test("that is there loses the password of its image, as root does, unless one is set; what is locked stays so")
  func unknownPassword() throws {
    let guest = guest(["/etc/shadow": "root:$y$known:1::::::\nmail:$y$x:1::::::\nme::1::::::\n"])
    let notes = try accounts("me", hash: nil).add(to: guest)
    #expect(
      notes == [
        "the password that the image has of root is not accepted: root_password_hash is not set",
        "the password that the image has of me is not accepted: user_password_hash is not set",
      ])
    #expect(guest.text("/etc/shadow") == "root:*:1::::::\nmail:$y$x:1::::::\nme:*:1::::::\n")
    for locked in ["!", "*", "!!", "!$y$own", "!*"] {
      let shadow = "root:\(locked):1::::::\nme:\(locked):1::::::\n"
      let guest = self.guest(["/etc/shadow": shadow])
      #expect(try accounts("me", hash: nil).add(to: guest) == [])
      #expect(guest.text("/etc/shadow") == shadow)
    }
  }

  @Test("of the system is not made one of a person, and the hash is not told")
  func system() throws {
    let guest = guest()
    let before = guest.text("/etc/passwd")
    let notes = try accounts("mail").add(to: guest)
    #expect(notes == ["user = mail is an account of the guest's system, with the uid 8"])
    #expect(guest.text("/etc/passwd") == before)
    #expect(try guest.kind("/etc/sudoers.d/90-guestsmith") == nil)
    let empty = MemoryGuest()
    #expect(try accounts(hash: "$6$SECRET$").add(to: empty).allSatisfy { !$0.contains("SECRET") })
  }

  @Test("can't become root where the guest lacks sudo, which is told")
  func withoutSudo() throws {
    let guest = guest()
    try guest.remove("/usr/bin/sudo")
    #expect(try accounts().add(to: guest) == ["admin can't become root: the guest lacks sudo"])
    #expect(try guest.kind("/etc/sudoers.d/90-guestsmith") == nil)
  }

  @Test("shares its keys with root where that is asked for")
  func rootToo() throws {
    let guest = guest()
    var accounts = accounts()
    accounts.rootHasKeys = true
    #expect(try accounts.add(to: guest) == [])
    #expect(guest.text("/root/.ssh/authorized_keys") == "\(Self.key)\n")
  }

  @Test(
    "has its keys where the guest's sshd looks for them",
    arguments: [
      ("AuthorizedKeysFile /etc/ssh/keys/%u\n", "", "/etc/ssh/keys/admin", 0),
      ("#AuthorizedKeysFile x\nauthorizedkeysfile=none .keys/a%%b-%U\n", "", "/home/admin/.keys/a%b-1002", 1002),
      ("AuthorizedKeysFile \"%h/k\" .ssh/b\n", "", "/home/admin/k", 1002),
      ("Include sshd_config.d/*.conf\nAuthorizedKeysFile .a\n", "AuthorizedKeysFile .b\n", "/home/admin/.b", 1002),
      ("AuthorizedKeysFile .a\nInclude /etc/ssh/sshd_config.d/*\n", "AuthorizedKeysFile .b\n", "/home/admin/.a", 1002),
      ("Match User x\nAuthorizedKeysFile .a\n", "", "/home/admin/.ssh/authorized_keys", 1002),
      ("AuthorizedKeysFile .a\nMatch User root,adm*\nAuthorizedKeysFile .b\n", "", "/home/admin/.b", 1002),
      ("Match User *,!admin\nAuthorizedKeysFile .a\nMatch all\nAuthorizedKeysFile .b\n", "", "/home/admin/.b", 1002),
      (
        "Match Group sud?\nInclude sshd_config.d/*.conf\nMatch User x\n", "AuthorizedKeysFile .b\n", "/home/admin/.b",
        1002
      ),
      ("Match Group *,!sudo\nAuthorizedKeysFile .a\n", "", "/home/admin/.ssh/authorized_keys", 1002),
      ("Match Group wheel\nAuthorizedKeysFile .a\n", "", "/home/admin/.ssh/authorized_keys", 1002),
      ("AuthorizedKeysFile %k ../../etc/passwd .ok\n", "", "/home/admin/.ok", 1002),
      ("Include sshd_config.d/*\n", "Include sshd_config.d/*\n", "/home/admin/.ssh/authorized_keys", 1002),
    ])
  func place(_ main: String, _ included: String, _ path: String, _ uid: UInt32) throws {
    let guest = guest(["/etc/ssh/sshd_config": main, "/etc/ssh/sshd_config.d/10-a.conf": included])
    #expect(try accounts().add(to: guest) == [])
    #expect(guest.text(ByteString(path)) == "\(Self.key)\n")
    let entry = try #require(guest.entries[ByteString(path)])
    #expect(entry.uid == uid && entry.mode == (uid == 0 ? 0o644 : 0o600))
  }

  @Test("is told of what keeps its keys from it")
  func hidden() throws {
    let match = guest(["/etc/ssh/sshd_config": "Match Address 192.0.2.0/24 User admin\nAuthorizedKeysFile .a\n"])
    #expect(
      try accounts().add(to: match) == [
        "ssh_keys of admin are in /home/admin/.ssh/authorized_keys: a Match in the configuration of the guest's sshd names "
          + "another file for some of its logins"
      ])
    let nested = guest([
      "/etc/ssh/sshd_config": "Match Address 192.0.2.0/24\nInclude x\n",
      "/etc/ssh/x": "Match User admin\nAuthorizedKeysFile .b\n",
    ])
    #expect(try accounts().add(to: nested).count == 1 && nested.text("/home/admin/.ssh/authorized_keys") != nil)
    let mounting = guest(["/etc/fstab": "UUID=1 / ext4 defaults 0 1\nUUID=2 /home ext4 defaults 0 2\n"])
    #expect(
      try accounts().add(to: mounting) == [
        "the home of admin and its keys are on the root filesystem, below what the guest mounts on /home"
      ])
    let left = guest(["/home/admin/x": ""])
    #expect(
      try accounts().add(to: left) == [
        "/home/admin was in the guest already: the folder belongs to admin now, and the files in it keep their owners"
      ])
    #expect(left.entries["/home/admin"]?.uid == 1002 && left.entries["/home/admin/x"]?.uid == 0)
  }

  @Test("is told that its keys reach no sshd that reads no file, and so is root")
  func none() throws {
    let guest = guest(["/etc/ssh/sshd_config": "AuthorizedKeysFile none\n"])
    #expect(try accounts().add(to: guest).first?.hasPrefix("ssh_keys do not reach admin") == true)
    #expect(try Accounts(sshKeys: [Self.key]).add(to: guest).first?.hasPrefix("ssh_keys do not reach root") == true)
  }

  @Test("is written behind no link in the place of its files")
  func links() throws {
    let guest = guest()
    for path: ByteString in [
      "/etc/sudoers.d/90-guestsmith", "/home/me/.ssh/authorized_keys", "/root/.ssh/authorized_keys",
    ] {
      guest.putLink(path, "/etc/hostname")
    }
    guest.put("/etc/hostname", Array("vm1\n".utf8))
    var accounts = accounts("me")
    accounts.rootHasKeys = true
    #expect(try accounts.add(to: guest) == [])
    #expect(guest.text("/etc/hostname") == "vm1\n")
    #expect(guest.entries["/etc/hostname"]?.uid == 0)
    #expect(guest.text("/home/me/.ssh/authorized_keys") == "\(Self.key)\n")
  }
}
