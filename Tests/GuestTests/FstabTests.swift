// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Guest

private func restored(_ text: String, newRootType: String? = nil, swap: String? = "NEW-SWAP") -> String {
  let change = Fstab.Restored(root: "NEW-ROOT", newRootType: newRootType, swap: swap)
  return String(decoding: Fstab.restoring(Array(text.utf8), change), as: UTF8.self)
}

@Suite("fstab")
struct FstabTests {
  @Test("a fresh one has root and swap by UUID")
  func golden() {
    #expect(
      Fstab.render(root: "R", type: "ext4", swap: "S") == """
        # <file system>\t<mount point>\t<type>\t<options>\t<dump>\t<pass>
        UUID=R\t/\text4\terrors=remount-ro,x-systemd.growfs\t0\t1
        UUID=S\tnone\tswap\tsw,nofail\t0\t0

        """)
    let data = [
      DataMount(uuid: "D", type: "ext4", mountPoint: "/srv"),
      DataMount(uuid: "E", type: "xfs", mountPoint: "/var/lib/x"),
    ]
    #expect(
      Fstab.render(root: "R", type: "ext4", swap: nil, data: data).hasSuffix(
        "0\t1\nUUID=D\t/srv\text4\tdefaults,x-systemd.growfs\t0\t2\nUUID=E\t/var/lib/x\txfs\tdefaults\t0\t2\n"))
    #expect(Fstab.render(root: "R", type: "ext2", swap: nil).hasSuffix("UUID=R\t/\text2\terrors=remount-ro\t0\t1\n"))
  }

  @Test("a guest whose root is a new filesystem has it by its UUID and type, unless the type was left open")
  func type() {
    func restored(_ line: String) -> String { GuestTests.restored(line, newRootType: "ext4", swap: nil) }
    #expect(restored("UUID=any  /\text3 defaults 0 1 # ext3") == "UUID=NEW-ROOT  /\text4 defaults 0 1 # ext3")
    #expect(restored("/dev/sda / ext3 defaults") == "UUID=NEW-ROOT / ext4 defaults")
    #expect(restored("LABEL=root\t/ ext4 noatime 0 1") == "UUID=NEW-ROOT\t/ ext4 noatime 0 1")
    #expect(restored("UUID=any / auto defaults") == "UUID=NEW-ROOT / auto defaults")
    #expect(restored("PARTUUID=1-2 / btrfs subvol=@ 0 0") == "UUID=NEW-ROOT / ext4 defaults 0 0")
    #expect(restored("overlay / overlay rw") == "UUID=NEW-ROOT / ext4 defaults")
  }

  @Test(
    "where no line mounts the root, one is added for a new filesystem",
    arguments: [
      "", "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n", "UUID=any /srv ext3 defaults\n", "# UUID=x / ext4 x 0 1\n",
    ])
  func addedRoot(text: String) {
    #expect(
      restored(text, newRootType: "ext3", swap: nil) == text + "UUID=NEW-ROOT\t/\text3\terrors=remount-ro\t0\t1\n")
    #expect(restored(text, swap: nil) == text)
  }

  @Test("a restored guest has the root and the swap of its disks, and its other lines as they were")
  func restoring() {
    let text = """
      # UUID=OLD-ROOT / ext4
      UUID=old-root  /  ext4\tdefaults 0 1
      UUID="OLD-SWAP" none swap sw 0 0
      LABEL=data /srv ext4 defaults 0 2
      UUID=DATA /data xfs noauto 0 0
      /dev/sdc none swap sw 0 0
      proc /proc
      """
    #expect(
      restored(text) == """
        # UUID=OLD-ROOT / ext4
        UUID=NEW-ROOT  /  ext4\tdefaults 0 1
        UUID="NEW-SWAP" none swap sw 0 0
        LABEL=data /srv ext4 defaults 0 2
        UUID=DATA /data xfs noauto 0 0
        /dev/sdc none swap sw 0 0
        proc /proc
        """)
  }

  @Test("of several swaps the first by UUID changes, unless the swap is one of them already")
  func swaps() {
    let text = "UUID=A none swap sw 0 0\nUUID=B none swap sw 0 0\n"
    #expect(restored(text) == "UUID=NEW-SWAP none swap sw 0 0\nUUID=B none swap sw 0 0\n")
    #expect(restored(text, swap: "b") == text)
    #expect(restored(text, swap: nil) == text)
  }

  @Test("a swap is added where there is none, on a line of its own")
  func addedSwap() {
    let added = "UUID=NEW-SWAP\tnone\tswap\tsw,nofail\t0\t0\n"
    #expect(restored("LABEL=r / ext4 x 0 1") == "LABEL=r / ext4 x 0 1\n" + added)
    #expect(restored("") == added)
    #expect(restored("/dev/sdb none swap sw 0 0\n") == "/dev/sdb none swap sw 0 0\n")
  }

  @Test("a root line that names another filesystem is corrected; by label or device it stays")
  func root() {
    #expect(restored("UUID=WRONG / ext4 x 0 1\n", swap: nil) == "UUID=NEW-ROOT / ext4 x 0 1\n")
    #expect(restored("/dev/sda / ext4 x 0 1\n", swap: nil) == "/dev/sda / ext4 x 0 1\n")
    #expect(restored("UUID= / ext4\n", swap: nil) == "UUID=NEW-ROOT / ext4\n")
    #expect(restored("UUID=\" / ext4\n", swap: nil) == "UUID=\"NEW-ROOT / ext4\n")
  }
}
