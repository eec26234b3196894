// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

@Suite("What a dumped guest was")
struct OriginTests {
  @Test("its disks are those of fstab, and where that names none by UUID those of the release file")
  func disks() throws {
    func origin(_ fstab: String?, _ release: String? = nil) throws -> Origin {
      let guest = MemoryGuest()
      if let fstab { guest.put("/etc/fstab", Array(fstab.utf8)) }
      if let release { guest.put(ReleaseFile.path, Array(release.utf8)) }
      return try Origin(of: guest)
    }
    let table = try origin("UUID=ROOT / ext4 x 0 1\nUUID=A none swap sw 0 0\n/dev/disk/by-uuid/B none swap sw 0 0\n")
    #expect(table.rootUUID == "root" && table.swapUUID == "a")
    #expect(try origin("UUID=A none swap sw\nUUID=B none swap sw\n", "SWAP_UUID=B\n").swapUUID == "b")
    #expect(try origin("UUID=A none swap sw\n", "SWAP_UUID=GONE\n").swapUUID == "a")
    let release = try origin("LABEL=r / ext4 x\n", "ROOT_UUID=R\nSWAP_UUID=S\n")
    #expect(release.rootUUID == "r" && release.swapUUID == nil)
    let none = try origin(nil, "ROOT_UUID=''\n")
    #expect(none.rootUUID == nil && none.swapUUID == nil)
  }

  @Test("it boots by other filesystems where it mounts them at /boot, below it or at /efi")
  func bootMounts() throws {
    let guest = MemoryGuest([
      "/etc/fstab": "/dev/a / ext4 x\n/dev/b /boot ext4 x\n/dev/c /boot/efi vfat x\n/dev/d /bootstrap ext4 x\n"
    ])
    #expect(try Origin(of: guest).mounts.filter(\.isOfBoot).map(\.mountPoint) == ["/boot", "/boot/efi"])
  }

  @Test(
    "it mounts by UUID, label or device, of a filesystem or a partition, in every form that there is",
    arguments: [
      ("UUID=ABCD-12ef", MountedFilesystem.Source.uuid("abcd-12ef")), ("UUID=\"ABCD-12ef\"", .uuid("abcd-12ef")),
      ("/dev/disk/by-uuid/ABCD-12EF", .uuid("abcd-12ef")), ("LABEL=BOOT", .label("BOOT")),
      (#"LABEL=a\040b"#, .label("a b")), (#"/dev/disk/by-label/a\x20b"#, .label("a b")),
      ("PARTUUID=0A1B2C3D-01", .partitionUUID("0a1b2c3d-01")), ("PARTLABEL=EFI", .partitionLabel("EFI")),
      ("/dev/disk/by-partlabel/EFI", .partitionLabel("EFI")), ("/dev/vda16", .partition(16)),
      ("/dev/nvme0n1p2", .partition(2)), ("/dev/vdb1", .other), ("/dev/vda", .other), ("tmpfs", .other),
      ("/dev/mapper/vg-boot", .other), (#"LABEL=a\"#, .label(#"a\"#)),
    ])
  func mounts(field: String, source: MountedFilesystem.Source) {
    #expect(MountedFilesystem(source: field, mountPoint: "/boot").source == source)
  }

  @Test(
    "it is restored as itself where the dump names the instance, or else where its own name fits",
    arguments: [
      ("vm1.a.org", "vm1.a.org", nil, true), ("vm1.a.org", "VM1.A.org", nil, true),
      ("vm1.a.org", "vm1.b.org", nil, false),
      ("vm1", "vm1.a.org", nil, true), ("vm1.a.org", "vm1", nil, true), ("vm1", "vm2.a.org", nil, false),
      (nil, "vm1.a.org", nil, false), (nil, "vm1.a.org", "vm1.a.org", true),
      ("web.b.org", "vm1.a.org", "vm1.a.org", true),
      ("vm1.a.org", "vm1.a.org", "vm2.a.org", false), ("vm1.a.org", "vm1.a.org", "VM1.a.org", true),
    ] as [(String?, String, String?, Bool)])
  func sameness(own: String?, name: String, recorded: String?, isSame: Bool) throws {
    let guest = MemoryGuest(own.map { ["/etc/hostname": $0 + "\n"] } ?? [:])
    #expect(try Origin(of: guest).isSame(as: GuestName(name), recorded: recorded) == isSame)
  }
}
