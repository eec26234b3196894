// SPDX-License-Identifier: Apache-2.0
import Images
import Interface
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("The plan of create, for a disk that boots by itself")
struct WholeDiskTests {
  /// Creates one, and hands over the path of its disk and that of a copy of its root filesystem.
  private func create(
    _ parameters: [String: String] = [:], mebibytes: UInt64 = 700,
    _ body: (_ scratch: Scratch, _ disk: String, _ root: String) throws -> Void
  ) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk(mebibytes: mebibytes)
      try guest.run(
        try guest.request(.create(isReinstall: false), disks: [disk]), guest.surroundings(boots: true),
        parameters: parameters.merging(["layout": "gpt"]) { $1 })
      try body(scratch, disk, try partition(1, of: disk, to: scratch("root.img")))
    }
  }

  /// Copies a partition into a file.
  private func partition(_ number: Int, of disk: String, to path: String) throws -> String {
    try shell(
      """
      set -- $(sfdisk --json '\(disk)' | tr -d ' ",' | awk -F: '/node:.*[^0-9]\(number)$/ { found = 1 }
        found && /^start:/ { start = $2 } found && /^size:/ { print start, $2; exit }')
      dd if='\(disk)' of='\(path)' bs=512 skip="$1" count="$2" conv=sparse status=none
      truncate -s $(($2 * 512)) '\(path)'
      """)
    return path
  }

  private func hasBootLoaders(_ scratch: Scratch, _ disk: String, bios: Bool, uefi: Bool) throws {
    // The signature of an MBR comes with the table; the program before it is GRUB's.
    #expect(try shell("head -c 3 '\(disk)' | od -An -tx1") == (bios ? " eb 63 90" : " 00 00 00"))
    let numbers = try shell("sfdisk --json '\(disk)' | tr -d ' \",' | sed -n 's/^node:.*[^0-9]//p' | sort -n | xargs")
    #expect(numbers == ["1", bios ? "14" : nil, uefi ? "15" : nil].compactMap { $0 }.joined(separator: " "))
  }

  @Test("its table is valid, and its root filesystem sound, up to the last MiB")
  func sound() throws {
    try create { scratch, disk, root in
      #expect(try bash("sfdisk --verify '\(disk)'").status == 0)
      #expect(try shell("sgdisk --verify '\(disk)'").contains("No problems found"))
      #expect(try problems(of: root) == nil)
      try hasBootLoaders(scratch, disk, bios: true, uefi: true)
      let size = UInt64(try shell("debugfs -R 'stats -h' '\(root)' 2>&1 | awk '/^Block count/ { print $3 * 4096 }'"))
      #expect(size == UInt64(700 - 128 - 1) << 20)
    }
  }

  @Test("the EFI system partition holds the loaders, and names this root filesystem")
  func efi() throws {
    try create { scratch, disk, root in
      let efi = try partition(15, of: disk, to: scratch("efi.img"))
      #expect(try bash("fsck.fat -n '\(efi)'").status == 0)
      let uuid = try #require(try tag("UUID", of: root))
      #expect(try shell("mtype -i '\(efi)' ::/EFI/debian/grub.cfg").hasPrefix("search.fs_uuid \(uuid) root"))
      #expect(try shell("mtype -i '\(efi)' ::/EFI/BOOT/BOOTX64.EFI") == "shim")
      #expect(try shell("mtype -i '\(efi)' ::/EFI/debian/shimx64.efi") == "shim")
      #expect(try shell("mtype -i '\(efi)' ::/EFI/BOOT/grubx64.efi") == "signed grub")
      let volume = try #require(try tag("UUID", of: efi))
      #expect(try guestFile("/etc/fstab", on: root)?.contains("UUID=\(volume)\t/boot/efi\tvfat") == true)
      #expect(try guestFile("/boot/grub/grub.cfg", on: root)?.contains("root=UUID=\(uuid) ro") == true)
      #expect(try guestFile("/etc/grub.d/enable_cloud", on: root) == "")
    }
  }

  @Test("two guests have no identifier in common")
  func ownIdentifiers() throws {
    func identifiers() throws -> Set<String> {
      var found: Set<String> = []
      try create { scratch, disk, root in
        let table = try shell("sfdisk --dump '\(disk)' | grep -oE '(label-id: |uuid=)[0-9A-F-]+' | sed 's/.*[ =]//'")
        let efi = try partition(15, of: disk, to: scratch("efi.img"))
        found = try Set(
          table.split(separator: "\n").map { String($0) } + [efi, root].compactMap { try tag("UUID", of: $0) })
      }
      return found
    }
    let (one, other) = (try identifiers(), try identifiers())
    #expect(one.count == 6 && other.count == 6 && one.isDisjoint(with: other), "\(one) \(other)")
  }

  @Test(
    "on sectors of 4096 bytes it is as sound, and boots under UEFI alone, which is told",
    .enabled(if: isRoot, "needs root"))
  func largeSectors() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let file = try guest.disk(mebibytes: 700)
      try withLoopDevice(file, sectorSize: 4096) { disk in
        let lines = Lines()
        let request = try guest.request(.create(isReinstall: false), disks: [disk])
        try guest.run(
          request, guest.surroundings(boots: true), parameters: ["layout": "gpt"],
          steps: Steps(.plain, write: { lines.write($0) }))
        #expect(lines.all.contains("\(disk) boots under UEFI only: it has sectors of 4096 bytes"), "\(lines.all)")
        #expect(try bash("sfdisk --verify '\(disk)'").status == 0)
        #expect(try shell("sgdisk --verify '\(disk)'").contains("No problems found"))
        try hasBootLoaders(scratch, disk, bios: false, uefi: true)
        let (efi, root) = (scratch("efi.img"), scratch("root.img"))
        try shell("dd if='\(disk)' of='\(efi)' bs=1M skip=1 count=124 status=none")
        try shell("dd if='\(disk)' of='\(root)' bs=1M skip=125 count=574 conv=sparse status=none")
        #expect(try problems(of: root) == nil)
        #expect(try shell("debugfs -R 'stats -h' '\(root)' 2>&1 | awk '/^Block count/ { print $3 / 256 }'") == "574")
        #expect(try shell("od -An -t u2 -j 11 -N 2 '\(efi)'").filter { $0 != " " } == "4096")
        #expect(try bash("fsck.fat -n '\(efi)'").status == 0)
        #expect(try shell("mtype -i '\(efi)' ::/EFI/BOOT/BOOTX64.EFI") == "shim")
        let uuid = try #require(try tag("UUID", of: root))
        #expect(try shell("mtype -i '\(efi)' ::/EFI/debian/grub.cfg").hasPrefix("search.fs_uuid \(uuid) root"))
      }
      let bios = #expect(throws: Failure.self) {
        try withLoopDevice(file, sectorSize: 4096) { disk in
          try guest.plan(
            guest.request(.create(isReinstall: false), disks: [disk]), parameters: ["layout": "gpt", "boot": "bios"])
        }
      }
      #expect(bios?.message.contains("sectors of 4096 bytes, from which no BIOS boots") == true)
    }
  }

  @Test("with one firmware only its loader is there", arguments: ["bios", "uefi"])
  func oneFirmware(_ firmware: String) throws {
    try create(["boot": firmware]) { scratch, disk, root in
      try hasBootLoaders(scratch, disk, bios: firmware == "bios", uefi: firmware == "uefi")
      #expect(try shell("sgdisk --verify '\(disk)'").contains("No problems found"))
      #expect(try problems(of: root) == nil)
      #expect(try guestFile("/etc/fstab", on: root)?.contains("/boot/efi") == (firmware == "uefi"))
      // The guest's package would install the loader that there is no place for.
      #expect(try guestFile("/etc/grub.d/enable_cloud", on: root) == nil)
    }
  }

  @Test("a disk that is too small is refused, with the size that would do")
  func tooSmall() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      for mebibytes: UInt64 in [1, 128, 200] {
        let disk = try guest.disk("disk\(mebibytes)", mebibytes: mebibytes)
        let request = try guest.request(.create(isReinstall: false), disks: [disk])
        let failure = #expect(throws: Failure.self) {
          try guest.run(request, guest.surroundings(boots: true), parameters: ["layout": "gpt"])
        }
        #expect(failure?.code == .device && failure?.message.contains(disk) == true, "\(failure as Any)")
      }
    }
  }

  @Test("auto goes by what the host says, and by whether the guest has a kernel")
  func auto() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk(mebibytes: 700)
      var request = try guest.request(.create(isReinstall: false), disks: [disk])
      for (layout, hasKernel, kernel, boots) in [
        ("auto", true, "linux", false), ("auto", false, "linux", true), ("none", false, "linux", false),
        ("gpt", true, "linux", true), ("auto", false, "none", false), ("gpt", false, "none", true),
      ] {
        request.hypervisor = hasKernel ? nil : "kvm"
        let lines = try guest.plan(request, parameters: ["layout": layout, "kernel": kernel])
        #expect(
          lines.contains { $0.contains("partition table") } == boots, "\(layout) \(hasKernel) \(kernel): \(lines)")
      }
    }
  }

  @Test("without any firmware to boot under it is refused")
  func noFirmware() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, configuration: "boot = []")
      let request = try guest.request(.create(isReinstall: false), disks: [try guest.disk(mebibytes: 700)])
      let failure = #expect(throws: Failure.self) { try guest.plan(request, parameters: ["layout": "gpt"]) }
      #expect(failure?.message.hasPrefix("boot is empty") == true, "\(failure as Any)")
    }
  }

  @Test("a loader that is damaged in the cache is built anew", arguments: [("efi-512.img", 300_000), ("boot.img", 9)])
  func damagedLoader(_ file: String, _ place: Int) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk(mebibytes: 700)
      let request = try guest.request(.create(isReinstall: false), disks: [disk])
      try guest.run(request, guest.surroundings(boots: true), parameters: ["layout": "gpt"])
      try shell(
        "printf x | dd of=\"$(ls '\(scratch("cache"))'/images/*/\(file))\" bs=1 seek=\(place) conv=notrunc status=none"
      )
      try guest.run(request, guest.surroundings(boots: true), parameters: ["layout": "gpt"])
      let efi = try partition(15, of: disk, to: scratch("efi.img"))
      #expect(try bash("fsck.fat -n '\(efi)'").status == 0)
      #expect(try shell("mtype -i '\(efi)' ::/EFI/debian/shimx64.efi") == "shim")
      #expect(try shell("od -An -tx1 -j9 -N1 '\(disk)'") == " 00")
    }
  }
}
