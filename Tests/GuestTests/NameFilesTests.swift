// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Guest

private func renamedHosts(_ text: String, from old: String = "vm1.example.com", to new: String = "vm2.example.org")
  -> String
{
  String(
    decoding: Hosts.renaming(Array(text.utf8), from: GuestName(old), to: GuestName(new)), as: UTF8.self)
}

@Suite("The name of a guest in its files")
struct NameFilesTests {
  @Test(
    "the host name is the first word that is not a comment",
    arguments: [
      ("vm1\n", "vm1"), ("vm1", "vm1"), ("  vm1 \t\n", "vm1"), ("vm1\r\n", "vm1"), ("# by hand\n\nvm1\nvm2\n", "vm1"),
      ("\u{FEFF}", "\u{FEFF}"), ("", nil), ("\n#vm1\n", nil), ("\0\0", nil), ("vm1.example.com.\n", "vm1.example.com."),
    ] as [(String, String?)])
  func hostname(text: String, name: String?) {
    #expect(Hostname.parse(Array(text.utf8)) == name)
  }

  @Test("a new host name keeps the form, the comments and the line ends")
  func hostnameRenaming() {
    let new = GuestName("vm2.example.org")
    #expect(Hostname.renaming(Array("# mine\r\nvm1 \r\n".utf8), to: new) == Array("# mine\r\nvm2 \r\n".utf8))
    #expect(Hostname.renaming(Array("vm1.example.com".utf8), to: new) == Array("vm2.example.org".utf8))
    #expect(Hostname.renaming([], to: new) == Array("vm2\n".utf8))
  }

  @Test("a fresh hosts file names the guest in both forms")
  func hostsGolden() {
    #expect(
      Hosts.render(GuestName("vm1.example.com"), address: nil) == """
        127.0.0.1\tlocalhost
        127.0.1.1\tvm1.example.com vm1

        ::1\t\tlocalhost ip6-localhost ip6-loopback
        ff02::1\t\tip6-allnodes
        ff02::2\t\tip6-allrouters

        """)
    #expect(Hosts.render(GuestName("vm1"), address: "192.0.2.7").contains("\n192.0.2.7\tvm1\n"))
  }

  @Test("only lines of the old name change in a hosts file, and of those only the names")
  func hostsRenaming() {
    let text = """
      127.0.0.1\tlocalhost vm1
      127.0.1.1\tvm1.example.com\tVM1  # vm1.example.com is us
      10.0.0.5  vm10 vm1.example.com.au
      10.0.0.9  vm1.other.org vm1
      # 10.0.0.1 vm1.example.com
      10.0.0.2\tdb vm1.example.com web
      """
    #expect(
      renamedHosts(text) == """
        127.0.0.1\tlocalhost vm2
        127.0.1.1\tvm2.example.org\tvm2  # vm1.example.com is us
        10.0.0.5  vm10 vm1.example.com.au
        10.0.0.9  vm1.other.org vm1
        # 10.0.0.1 vm1.example.com
        10.0.0.2\tdb vm2.example.org web
        """)
  }

  @Test("a name of one label gains and loses its second form")
  func oneLabel() {
    #expect(renamedHosts("127.0.1.1 vm1\n", from: "vm1") == "127.0.1.1 vm2.example.org vm2\n")
    #expect(renamedHosts("127.0.1.1 vm1.example.com vm1\n", to: "vm2") == "127.0.1.1 vm2\n")
    #expect(renamedHosts("127.0.1.1 vm1\n", from: "vm1", to: "vm1.a.org") == "127.0.1.1 vm1.a.org vm1\n")
  }

  @Test("renaming a hosts file twice is renaming it once")
  func hostsTwice() {
    let once = renamedHosts("127.0.1.1 vm1.example.com vm1\n")
    #expect(renamedHosts(once) == once)
  }

  @Test("a static address changes in the guest's own line")
  func hostsAddress() {
    let changed = Hosts.renaming(
      Array("192.0.2.7\tvm1.example.com vm1\n192.0.2.7 alias\n".utf8), from: GuestName("vm1.example.com"),
      to: GuestName("vm2.example.com"), address: Hosts.Readdress(old: ["192.0.2.7"], new: "192.0.2.8"))
    #expect(changed == Array("192.0.2.8\tvm2.example.com vm2\n192.0.2.7 alias\n".utf8))
  }

  @Test(
    "the names of the loopback stay, and a guest that had one of them gets a line of its own",
    arguments: ["localhost", "localhost.localdomain", "LOCALHOST.example.com", "ip6-localhost", "ip6-loopback"])
  func loopback(name: String) {
    let text = """
      127.0.0.1\tlocalhost localhost.localdomain localhost.example.com
      ::1\tlocalhost ip6-localhost ip6-loopback

      """
    #expect(renamedHosts(text, from: name) == text + "127.0.1.1\tvm2.example.org vm2\n")
    let restored = renamedHosts("127.0.0.1 localhost\n10.0.0.2 vm2.example.org\n", from: name)
    #expect(restored == "127.0.0.1 localhost\n10.0.0.2 vm2.example.org\n")
  }

  @Test("names with the dot of the root follow, and keep it")
  func root() {
    #expect(
      renamedHosts("127.0.1.1 vm1.example.com. vm1.\n10.0.0.9 vm1.other.org. vm1\n")
        == "127.0.1.1 vm2.example.org. vm2.\n10.0.0.9 vm1.other.org. vm1\n")
    #expect(renamedHosts("10.0.0.2 VM1.Example.com. vm1\n") == "10.0.0.2 vm2.example.org. vm2\n")
    #expect(renamedHosts("127.0.1.1 vm1.\n", from: "vm1") == "127.0.1.1 vm2.example.org. vm2.\n")
    #expect(Hosts.fullName(of: "vm1", in: Array("127.0.1.1 vm1.example.com. vm1\n".utf8)) == "vm1.example.com")
    #expect(Hosts.ensuring(Array("10.0.0.2 vm1.\n".utf8), GuestName("vm1"), address: nil).count == 14)
  }

  @Test(
    "a guest can carry what is a host name to its kernel and to systemd",
    arguments: [
      ("vm1.example.com", nil), ("vm1.my_zone.example", nil), ("vm1.example-.com", nil), ("VM1", nil), ("vm1.", nil),
      (String(repeating: "a", count: 63) + ".example", nil), ("web_1.example.com", "'_' is not allowed in it"),
      ("-vm1.example.com", "a part of it begins or ends with a hyphen"),
      ("vm1-", "a part of it begins or ends with a hyphen"),
      (String(repeating: "a", count: 65), "it has 65 characters, and 64 is the most"),
      (String(repeating: "a", count: 64), "a part of it has 64 characters, and 63 is the most"),
      ("a/b", "'/' is not allowed in it"),

    ] as [(String, String?)])
  func carried(name: String, fault: String?) {
    #expect(GuestName(name).fault == fault)
  }

  @Test("a full host name becomes the short one where the new one cannot be a host name as a whole")
  func longHostname() {
    let long = GuestName("vm2." + String(repeating: "a", count: 61) + ".org")
    for name in [long, GuestName("vm2.my_zone.example")] {
      #expect(Hostname.renaming(Array("vm1.example.com\n".utf8), to: name) == Array("vm2\n".utf8))
    }
    #expect(Hostname.renaming(Array("vm1.\n".utf8), to: GuestName("vm2.example.org")) == Array("vm2\n".utf8))
  }

  @Test("bytes that are no UTF-8 stay as they are")
  func latin1() {
    let bytes = Array("127.0.1.1 vm1\n# Z".utf8) + [0xFC] + Array("rich vm1\n".utf8)
    let changed = Hosts.renaming(bytes, from: GuestName("vm1"), to: GuestName("vm2"))
    #expect(changed == Array("127.0.1.1 vm2\n# Z".utf8) + [0xFC] + Array("rich vm1\n".utf8))
  }

  @Test("the full name is found where the guest's own line has it")
  func fullName() {
    let text = "10.0.0.9 vm1.other.org\n127.0.1.1 VM1.example.com vm1\n"
    #expect(Hosts.fullName(of: "vm1", in: Array(text.utf8)) == "vm1.example.com")
    #expect(Hosts.fullName(of: "vm2", in: Array(text.utf8)) == nil)
  }

  @Test("the mail name changes only where it is the guest's own")
  func mailname() {
    let old = GuestName("vm1.example.com")
    let new = GuestName("vm2.example.com")
    #expect(Mailname.renaming(Array("vm1.example.com\n".utf8), from: old, to: new) == Array("vm2.example.com\n".utf8))
    #expect(Mailname.renaming(Array("vm1".utf8), from: old, to: new) == Array("vm2.example.com".utf8))
    #expect(Mailname.renaming(Array("example.com\n".utf8), from: old, to: new) == Array("example.com\n".utf8))
  }

  @Test(
    "a name is replaced as a whole word only",
    arguments: [
      ("vm1", "vm2"), ("vm10", "vm10"), ("xvm1", "xvm1"), ("my-vm1", "my-vm1"), ("vm1-a", "vm1-a"),
      ("vm1.example.com", "vm1.example.com"), ("root@vm1:", "root@vm2:"), ("VM1!", "vm2!"), ("vm1.", "vm2."),
      ("is vm1. And", "is vm2. And"), ("vm1_", "vm1_"), ("vm1 vm1", "vm2 vm2"), ("vm1é", "vm1é"), ("", ""),
    ])
  func wholeWord(text: String, replaced: String) {
    #expect(Array(text.utf8).replacingName("vm1", with: "vm2") == Array(replaced.utf8))
  }
}
