// SPDX-License-Identifier: Apache-2.0
internal import Report

/// What a guest needs that boots by itself: GRUB's configuration until the guest's own `update-grub` writes it anew, what
/// that goes by, and the EFI system partition where it is mounted.
package struct BootLoader: Sendable {
  /// The volume number of the EFI system partition, as blkid(8) writes it: `1A2B-3C4D`; nil where there is none.
  package let efiVolume: String?
  /// It boots under BIOS and under UEFI: the guest's package renews the loaders for both, or for none.
  package let hasBoth: Bool

  package init(efiVolume: String?, hasBoth: Bool) {
    self.efiVolume = efiVolume
    self.hasBoth = hasBoth
  }

  func apply(to guest: some GuestFiles, rootUUID: String) throws(Failure) {
    try guest.place("/boot/grub/grub.cfg", try Self.menu(of: guest, rootUUID: rootUUID), mode: 0o600)
    try guest.place("/etc/default/grub.d/50-guestsmith.cfg", Self.defaults)
    // The package installs its loaders only with it: not while the image was made, and from now on.
    if hasBoth { try guest.place("/etc/grub.d/enable_cloud", "") }
    // Debian 12 and later: when the disk was enlarged, the next boot enlarges the partition, and then the filesystem.
    try guest.place("/etc/repart.d/50-root.conf", Self.growth)
  }

  /// The line of fstab(5); the guest boots without that partition where its firmware does.
  var mountLine: String { efiVolume.map { "UUID=\($0)\t/boot/efi\tvfat\tumask=0077,nofail\t0\t0\n" } ?? "" }

  private static let growth = """
    # Written by guestsmith: the root partition grows with its disk.
    [Partition]
    Type=root

    """

  private static let arguments = "console=tty0 console=ttyS0,115200"

  /// The last word of `console=` has the boot's own messages: the serial line, which every host can show.
  private static let defaults = """
    # Written by guestsmith: the boot menu and the kernel's messages are on the screen and on the serial line.
    GRUB_TIMEOUT=1
    GRUB_RECORDFAIL_TIMEOUT=1
    GRUB_DISABLE_OS_PROBER=true
    GRUB_TERMINAL="console serial"
    GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
    GRUB_CMDLINE_LINUX="\(arguments)"
    GRUB_CMDLINE_LINUX_DEFAULT=""

    """

  /// The links that Debian's kernels keep come first, where they lead to files: they hold through every update. Then come the kernels,
  /// the newest first.
  private static func menu(of guest: some GuestFiles, rootUUID: String) throws(Failure) -> String {
    var kernels: [(title: String, kernel: String, initrd: String)] = []
    if try guest.kind("/vmlinuz") == .symbolicLink, try guest.kind(following: "/vmlinuz") == .file,
      try guest.kind("/initrd.img") == .symbolicLink, try guest.kind(following: "/initrd.img") == .file
    {
      kernels.append(("Linux", "/vmlinuz", "/initrd.img"))
    }
    let versions = try guest.list("/boot").filter { $0.hasPrefix("vmlinuz-") }
      .map { ByteString($0.bytes.dropFirst("vmlinuz-".utf8.count)) }.filter(isPlain)
    for version in versions.sorted(by: isLower).reversed() {
      for initrd in Self.initrds(of: version) where try guest.kind(ByteString(initrd)) == .file {
        kernels.append(("Linux \(version)", "/boot/vmlinuz-\(version)", initrd))
        break
      }
    }
    guard !kernels.isEmpty else {
      throw Failure(
        .invalid, "the guest cannot boot by itself: in /boot a kernel with an initrd is missing",
        remedy:
          "set kernel to the name of a package, put a kernel and its initrd into the tree of the image, or set layout = \"none\""
      )
    }
    return """
      # Written by guestsmith for the first boot; update-grub replaces it.
      set timeout=1
      serial --unit=0 --speed=115200
      terminal_input console serial
      terminal_output console serial
      insmod part_gpt
      insmod ext2
      search --no-floppy --fs-uuid --set=root \(rootUUID)

      """
        + kernels.map {
          """
          menuentry '\($0.title)' {
            linux \($0.kernel) root=UUID=\(rootUUID) ro \(arguments)
            initrd \($0.initrd)
          }

          """
        }.joined()
  }

  /// Runs of digits count as numbers: 6.1.0-9 is lower than 6.1.0-13.
  private static func isLower(_ one: ByteString, _ other: ByteString) -> Bool {
    places(of: one).lexicographicallyPrecedes(places(of: other))
  }

  /// What versions are compared by, place by place: a byte as it is, and a run of digits as a `0`, its length and its digits, without
  /// zeros before them.
  private static func places(of version: ByteString) -> [Int] {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    var places: [Int] = []
    var rest = version.bytes[...]
    while let byte = rest.first {
      let run = rest.prefix { digits.contains($0) }
      guard run.isEmpty else {
        let number = run.drop { $0 == digits.lowerBound }
        places += [Int(digits.lowerBound), number.count] + number.map { Int($0) }
        rest = rest.dropFirst(run.count)
        continue
      }
      places.append(Int(byte))
      rest = rest.dropFirst()
    }
    return places
  }

  /// As Debian, Red Hat, Alpine and openSUSE call them.
  private static func initrds(of version: ByteString) -> [String] {
    [("initrd.img-", ""), ("initramfs-", ".img"), ("initramfs-", ""), ("initrd-", "")].map {
      "/boot/\($0)\(version)\($1)"
    }
  }

  /// Nothing that GRUB could take for a word of its own.
  private static func isPlain(_ version: ByteString) -> Bool {
    !version.bytes.isEmpty
      && version.bytes.allSatisfy { byte in
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 32
          || "+-._~".utf8.contains(byte)
      }
  }
}
