// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension Dumps {
  @Suite("Import takes a guest in whatever form")
  struct Forms {
    /// Writes the guest to standard output in each form.
    private func command(_ form: String, _ bench: Bench) -> String {
      let guest = bench.guest
      return switch form {
      case "raw": "cat '\(guest)'"
      case "tar":
        "m=$(mktemp -d) && mount -o ro,loop '\(guest)' $m && tar -C $m --xattrs '--xattrs-include=*' --acls "
          + "--numeric-owner --sparse --format=pax -c . ; umount $m; rmdir $m"
      case "dump8": "d=$(losetup --find --show --read-only '\(guest)') && dump -0 -q -f - $d 2>/dev/null; losetup -d $d"
      case "qcow2": "qemu-img convert -c -O qcow2 '\(guest)' '\(guest).qcow2' && cat '\(guest).qcow2'"
      default: "cat '\(bench.dump)'"
      }
    }

    @Test(
      "All of them, packed or not",
      arguments: [
        "dump|gzip -1", "dump|xz -0", "dump|bzip2 -1", "dump|lz4 -q", "dump|zstd -q", "dump|zstd -dcq",
        "dump|zstd -dcq|zstd -q3", "dump|gzip|zstd -q|xz -0", "raw|cat", "raw|zstd -q", "qcow2|cat", "qcow2|gzip -1",
        "tar|cat", "tar|gzip", "tar|zstd -q", "dump8|cat", "dump8|gzip",
      ])
    func forms(pipeline: String) throws {
      try withBench { bench in
        try bench.export()
        let parts = pipeline.split(separator: "|", maxSplits: 1).map(String.init)
        if parts[0] == "dump8" { try bench.removeLongestName() }
        let disk = try bench.disk("restored.img", size: 150 << 20)
        let outcome = try bench.import("{ \(command(parts[0], bench)); } | \(parts[1])", onto: disk)
        try EndToEnd.succeeded(outcome)
        try bench.expectGuest(on: disk)
      }
    }

    @Test("A name that dump(8) loses is told, and nothing is restored")
    func lostName() throws {
      try withBench { bench in
        let disk = try bench.disk("restored.img", size: 150 << 20)
        let outcome = try bench.import(command("dump8", bench), onto: disk)
        bench.expectRefusal(outcome, .dump, of: disk)
        #expect(outcome.errors.contains("lacks the name of a file, which has 255 bytes"), "\(outcome)")
      }
    }

    @Test("On ext2, ext3 and a disk that is not wiped", arguments: ["tar", "dump8"], ["ext2", "ext3"])
    func otherFilesystems(form: String, type: String) throws {
      try withBench(configuration: "wipe = \"none\"\nfilesystem = \"\(type)\"\n") { bench in
        if form == "dump8" { try bench.removeLongestName() }
        let disk = bench.scratch("restored.img")
        try shell("tr '\\0' '\\377' < /dev/zero | head -c 150M > '\(disk)'")
        try EndToEnd.succeeded(bench.import(command(form, bench), onto: disk))
        try bench.expectGuest(on: disk)
        #expect(try tag("TYPE", of: disk) == type)
        #expect(try guestFile("/etc/fstab", on: disk)?.contains(" / \(type) defaults") == true)
      }
    }

    @Test("A raw disk and a qcow2 image onto a smaller disk", arguments: ["raw", "qcow2"])
    func smaller(form: String) throws {
      try withBench { bench in
        let disk = try bench.disk("restored.img", size: 40 << 20)
        try EndToEnd.succeeded(bench.import(command(form, bench), onto: disk))
        try bench.expectGuest(on: disk)
      }
    }

    @Test(
      "Cut off in the middle or near its end, none is taken for a guest",
      arguments: [
        "dump|cat", "raw|cat", "qcow2|cat", "tar|cat", "dump8|cat", "dump|gzip -1", "raw|gzip -1", "tar|xz -0",
        "raw|bzip2 -1", "raw|lz4 -q", "raw|zstd -q",
      ])
    func cutOff(pipeline: String) throws {
      try withBench { bench in
        try bench.export()
        let parts = pipeline.split(separator: "|").map(String.init)
        let stream = bench.scratch("stream")
        try shell("{ \(command(parts[0], bench)); } | \(parts[1]) > '\(stream)'")
        // A tar ends with blocks of zeros that nobody misses.
        for cut in pipeline == "tar|cat" ? ["1/2"] : ["1/2", "99/100"] {
          let disk = try copyImage(bench.guest, to: bench.scratch("restored.img"))
          try shell("truncate -s 150M '\(disk)'")
          let outcome = try bench.import(
            "head -c $(( $(stat -c %s '\(stream)') * \(cut) )) '\(stream)'", onto: disk)
          bench.expectRefusal(outcome, .dump, .guest, of: disk)
        }
      }
    }

    @Test("A packed stream with a wrong checksum is refused though its content looks right")
    func wrongChecksum() throws {
      try withBench { bench in
        let disk = try bench.disk("restored.img", size: 96 << 20)
        let last = #"perl -0777 -pe 'substr($_, -6, 1) ^= "\x01"'"#
        let outcome = try bench.import("gzip -1 < '\(bench.guest)' | \(last)", onto: disk)
        bench.expectRefusal(outcome, .dump, of: disk)
        #expect(outcome.errors.contains("crc error"), "\(outcome)")
      }
    }

    @Test("A qcow2 image that names another file reads no file of this machine", arguments: ["backing", "data"])
    func foreignFiles(kind: String) throws {
      try withBench { bench in
        let secret = try bench.scratch.write(String(repeating: "secret ", count: 100_000), to: "secret")
        let image = bench.scratch("image.qcow2")
        try shell(
          kind == "backing"
            ? "qemu-img create -q -f qcow2 -b '\(secret)' -F raw '\(image)' 64M"
            : "qemu-img create -q -f qcow2 -o data_file='\(bench.scratch("other"))',data_file_raw=on '\(image)' 64M")
        let disk = try bench.disk("restored.img", size: 96 << 20)
        let outcome = try bench.import("cat '\(image)'", onto: disk)
        bench.expectRefusal(outcome, .dump, of: disk)
        #expect(outcome.errors.contains("another file"), "\(outcome)")
        #expect(try bash("grep -q secret '\(disk)'").status == 1)
      }
    }

    @Test("A tar that leads out of the guest, or holds no guest, is refused")
    func badTar() throws {
      try withBench { bench in
        let disk = try bench.disk("restored.img", size: 150 << 20)
        try shell(
          """
          cd '\(bench.scratch.path)'; mkdir -p t/etc; cp /etc/passwd t/etc; echo x > outside
          tar -C t -cPf leading.tar etc ../outside; tar -cf none.tar outside
          """)
        let leading = try bench.import("cat '\(bench.scratch("leading.tar"))'", onto: disk)
        bench.expectRefusal(leading, .guest, of: disk)
        #expect(leading.errors.contains("leads out of the guest"), "\(leading)")
        let none = try bench.import("cat '\(bench.scratch("none.tar"))'", onto: disk)
        bench.expectRefusal(none, .guest, of: disk)
        #expect(none.errors.contains("no root filesystem"), "\(none)")
      }
    }
  }
}
