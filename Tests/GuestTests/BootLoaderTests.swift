// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

@Suite("A guest that boots by itself")
struct BootLoaderTests {
  private func guest(_ change: (MemoryGuest) throws -> Void = { _ in }) throws -> MemoryGuest {
    let guest = MemoryGuest.debian()
    for version in ["6.1.0-1-amd64", "6.1.0-2-amd64"] {
      try guest.place("/boot/vmlinuz-\(version)", "kernel")
      try guest.place("/boot/initrd.img-\(version)", "initrd")
    }
    try change(guest)
    var identity = exampleIdentity()
    identity.bootLoader = BootLoader(efiVolume: "1A2B-3C4D", hasBoth: true)
    try identity.apply(to: guest)
    return guest
  }

  @Test("its first menu starts the newest kernel, on the screen and on the serial line")
  func menu() throws {
    let menu = try #require(try guest().text("/boot/grub/grub.cfg"))
    let kernels = menu.split(separator: "\n").filter { $0.contains("linux ") }
    #expect(
      kernels == [
        "  linux /boot/vmlinuz-6.1.0-2-amd64 root=UUID=1111 ro console=tty0 console=ttyS0,115200",
        "  linux /boot/vmlinuz-6.1.0-1-amd64 root=UUID=1111 ro console=tty0 console=ttyS0,115200",
      ])
    #expect(menu.contains("search --no-floppy --fs-uuid --set=root 1111\n"))
    #expect(menu.contains("terminal_output console serial\n"))
  }

  @Test("the newest kernel is that of the highest numbers, and not of the highest digits")
  func order() throws {
    let guest = try guest { guest in
      for version in ["6.1.0-9-amd64", "6.1.0-13-amd64", "6.12.1-1-amd64", "5.10.0-99-amd64", "0-rescue-ff"] {
        try guest.place("/boot/vmlinuz-\(version)", "kernel")
        try guest.place("/boot/initrd.img-\(version)", "initrd")
      }
    }
    let menu = try #require(guest.text("/boot/grub/grub.cfg"))
    let titles = menu.split(separator: "\n").filter { $0.contains("menuentry") }.map { String($0) }
    let versions = [
      "6.12.1-1-amd64", "6.1.0-13-amd64", "6.1.0-9-amd64", "6.1.0-2-amd64", "6.1.0-1-amd64", "5.10.0-99-amd64",
      "0-rescue-ff",
    ]
    #expect(titles == versions.map { "menuentry 'Linux \($0)' {" })
  }

  @Test("links that lead to no file start nothing", arguments: ["/vmlinuz", "/initrd.img"])
  func dangling(_ path: String) throws {
    let guest = try guest { guest in
      try guest.link("/vmlinuz", to: "boot/vmlinuz-6.1.0-2-amd64")
      try guest.link("/initrd.img", to: "boot/initrd.img-6.1.0-2-amd64")
      try guest.link(ByteString(path), to: "boot/removed")
    }
    let menu = try #require(guest.text("/boot/grub/grub.cfg"))
    #expect(menu.split(separator: "\n").first { $0.contains("linux ") }?.contains("vmlinuz-6.1.0-2-amd64 ") == true)
  }

  @Test("the links that a kernel's package keeps come first: they hold through every update")
  func links() throws {
    let guest = try guest { guest in
      try guest.link("/vmlinuz", to: "boot/vmlinuz-6.1.0-2-amd64")
      try guest.link("/initrd.img", to: "boot/initrd.img-6.1.0-2-amd64")
    }
    let menu = try #require(guest.text("/boot/grub/grub.cfg"))
    #expect(menu.split(separator: "\n").first { $0.contains("linux ") }?.contains("linux /vmlinuz ") == true)
  }

  @Test("a kernel whose name GRUB could take for its own words is left out")
  func hostileNames() throws {
    let guest = try guest { guest in
      for name: ByteString in ["6' {\nreboot", "$x", "6 7", ""] {
        try guest.place("/boot/vmlinuz-\(name)", "kernel")
        try guest.place("/boot/initrd.img-\(name)", "initrd")
      }
    }
    let menu = try #require(guest.text("/boot/grub/grub.cfg"))
    #expect(menu.split(separator: "\n").filter { $0.contains("menuentry") }.count == 2 && !menu.contains("reboot"))
  }

  @Test("without a kernel it is refused")
  func noKernel() {
    let failure = #expect(throws: Failure.self) {
      try guest { guest in for name in try guest.list("/boot") { try guest.remove("/boot/\(name)") } }
    }
    #expect(failure?.message == "the guest cannot boot by itself: in /boot a kernel with an initrd is missing")
  }

  @Test("it mounts its EFI system partition, and its packages renew the loaders")
  func partition() throws {
    let guest = try guest()
    #expect(guest.text("/etc/fstab")?.contains("UUID=1A2B-3C4D\t/boot/efi\tvfat\tumask=0077,nofail\t0\t0\n") == true)
    #expect(guest.text("/etc/grub.d/enable_cloud") == "")
    #expect(guest.text("/etc/default/grub.d/50-guestsmith.cfg")?.contains("GRUB_TERMINAL=\"console serial\"") == true)
  }
}
