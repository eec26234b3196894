// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// `image export`, `image import` and `image add`: one image in the caches of two machines.
@Suite struct ImageTransferTests {
  /// A disk with an ext4 in a partition, as `a.qcow2` in the folder `www`, and its list of digests.
  private func publish(_ scratch: Scratch) throws {
    try scratch.write("one\n", to: "tree/etc/os-release")
    try scratch.folder("www")
    try shell(
      """
      cd '\(scratch.path)'; truncate -s 40M raw
      head -c 3000000 /dev/urandom > tree/noise
      printf 'label: gpt\\n1: start=2048 size=65536 type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\\n' | /sbin/sfdisk -q raw
      mke2fs -q -F -t ext4 -d tree -E offset=1048576 raw 32768k
      qemu-img convert -f raw -O qcow2 raw www/a.qcow2
      cd www; sha256sum a.qcow2 > SUMS
      """)
  }

  /// A machine: a cache of its own, and where it has the image from.
  private func machine(_ name: String, _ scratch: Scratch, more: String) throws {
    try scratch.write(
      "cache = \"\(scratch("\(name)/cache"))\"\n\(more)\n\(sandboxLine)", to: "\(name)/guestsmith.toml")
  }

  private func run(_ arguments: String, on machine: String, _ scratch: Scratch, before: String = "") throws -> Outcome {
    try bash("\(before)'\(program)' image \(arguments) --config '\(scratch(machine))'")
  }

  private func source(_ scratch: Scratch) -> String {
    "image = \"\(scratch("www/a.qcow2"))\"\nsums = \"\(scratch("www/SUMS"))\""
  }

  /// What a cache has of images, and of what is on its way.
  private func content(of machine: String, _ scratch: Scratch) throws -> String {
    try shell("cd '\(scratch(machine))/cache' && ls images tmp | grep -v -e : -e '^$' || true")
  }

  /// A machine that has fetched the image and exported it to `image.gsi`; its manifest's path.
  private func exported(_ scratch: Scratch) throws -> JSON {
    try publish(scratch)
    try machine("one", scratch, more: source(scratch))
    let pulled = try run("pull --json", on: "one", scratch)
    #expect(pulled.status == 0, "\(pulled)")
    let outcome = try run("export '\(scratch("image.gsi"))' --json", on: "one", scratch)
    #expect(outcome.status == 0, "\(outcome)")
    let made = try JSON(parsing: outcome.bytes)
    let sum = try shell("sha256sum < '\(scratch("image.gsi"))' | cut -d ' ' -f 1")
    #expect(made["digest"] == .string("sha256:\(sum)"))
    return try JSON(parsing: pulled.bytes)
  }

  @Test("An exported image is the same one in another cache, which needs its source no more") func transfer() throws {
    try withScratch { scratch in
      let made = try exported(scratch)
      try machine("two", scratch, more: source(scratch))
      let taken = try run("import '\(scratch("image.gsi"))' --json", on: "two", scratch)
      #expect(taken.status == 0, "\(taken)")
      let told = try JSON(parsing: taken.bytes)
      #expect(told["key"] == made["key"] && told["imported"] == true)
      let key = try #require(made["key"]?.string)
      try shell(
        """
        cd '\(scratch.path)'
        for file in disk.img pieces manifest.json; do
          cmp one/cache/images/\(key)/$file two/cache/images/\(key)/$file
          test "$(stat -c %a one/cache/images/\(key)/$file)" = "$(stat -c %a two/cache/images/\(key)/$file)"
        done
        test $(du -k two/cache/images/\(key)/disk.img | cut -f 1) -le $(du -k one/cache/images/\(key)/disk.img | cut -f 1)
        cmp raw two/cache/images/\(key)/disk.img
        rm -r www
        """)
      #expect(try run("verify", on: "two", scratch).status == 0)
      let built = try run("build --all --json", on: "two", scratch)
      #expect(try JSON(parsing: built.bytes).array?.first?["built"] == false, "\(built)")
      let again = try run("import - --json < '\(scratch("image.gsi"))'", on: "two", scratch)
      #expect(try JSON(parsing: again.bytes)["imported"] == false, "\(again)")

      // By its key and a pipe too; and an image that is not whole leaves no file.
      let piped = try bash(
        """
        set -o pipefail; cd '\(scratch.path)'; mkdir three; sed 's/two/three/' two/guestsmith.toml > three/guestsmith.toml
        '\(program)' image export \(key.prefix(8)) - --config one | '\(program)' image import - --config three
        """)
      #expect(piped.status == 0, "\(piped)")
      #expect(try run("verify", on: "three", scratch).status == 0)
      try shell(
        "printf x | dd of='\(scratch("one/cache/images/\(key)/disk.img"))' bs=1 seek=1049700 conv=notrunc status=none")
      let broken = try run("export '\(scratch("broken.gsi"))'", on: "one", scratch)
      #expect(
        broken.status == Failure.Code.io.rawValue && broken.errors.contains("differs from its digest"), "\(broken)")
      #expect(try shell("cd '\(scratch.path)'; ls -A | grep gsi") == "image.gsi")
    }
  }

  @Test("An exported image is a source, by its digest, and what it says of where it is from does not count then")
  func source()
    throws
  {
    try withScratch { scratch in
      let made = try exported(scratch)
      let digest = try shell("sha256sum < '\(scratch("image.gsi"))' | cut -d ' ' -f 1")
      try machine(
        "two", scratch, more: "image = \"\(scratch("image.gsi"))\"\ndigest = \"sha256:\(digest)\"")
      let pulled = try run("pull --json", on: "two", scratch)
      #expect(pulled.status == 0, "\(pulled)")
      let key = try #require(JSON(parsing: pulled.bytes)["key"]?.string)
      #expect(.string(key) != made["key"])
      // The file says that a list of digests verified it, and where that was.
      let listed = try JSON(parsing: run("list --json", on: "two", scratch).bytes).array?.first
      #expect(
        listed?["verified_by"] == "digest" && listed?["source"] == .string(scratch("image.gsi")), "\(listed as Any)")
      try shell(
        "cmp '\(scratch("raw"))' '\(scratch("two/cache/images/\(key)/disk.img"))'; rm '\(scratch("image.gsi"))'")
      #expect(try content(of: "two", scratch) == key)
      #expect(try run("verify", on: "two", scratch).status == 0)
      // It is not read again as long as it is the same.
      #expect(try run("pull", on: "two", scratch).status == 0)
      try machine(
        "three", scratch,
        more: "image = \"\(scratch("image.gsi"))\"\ndigest = \"sha256:\(digest)\"\nformat = \"gsi.xz\"")
      #expect(try run("pull", on: "three", scratch).errors.contains("format"))
    }
  }

  @Test("An image that is cut off or changed, or is not one, leaves the cache as it was, with one message")
  func damaged() throws {
    try withScratch { scratch in
      _ = try exported(scratch)
      try machine("two", scratch, more: "")
      try shell(
        """
        cd '\(scratch.path)'; size=$(stat -c %s image.gsi)
        head -c $((size / 2)) image.gsi > cut.gsi
        head -c $((size - 20)) image.gsi > end.gsi
        cp image.gsi flipped.gsi
        printf '\\252\\125\\252' | dd of=flipped.gsi bs=1 seek=$((size / 3)) conv=notrunc status=none
        zstd -qdc image.gsi > plain
        plain=$(stat -c %s plain)
        head -c $((plain - 40)) plain | zstd -q > short.gsi
        cp plain changed; printf '\\252\\125\\252' | dd of=changed bs=1 seek=$((plain / 3)) conv=notrunc status=none
        zstd -q changed -o changed.gsi
        (cat plain; echo more) | zstd -q > longer.gsi
        (head -c 19 plain; printf '\\377\\377\\377\\377\\377\\377\\377\\377'; tail -c +28 plain) | zstd -q > huge.gsi
        sed 's/"key": "./"key": "\\//' plain | zstd -q > key.gsi
        sed 's/"architecture": "/"architecture": "x/' plain | zstd -q > other.gsi
        head -c 100000 /dev/zero | zstd -q > zeros.gsi
        echo text > text.gsi; : > empty.gsi
        """)
      let cases: [(name: String, words: String)] = [
        ("cut", "not a whole stream of zstd"), ("end", "not a whole stream of zstd"), ("flipped", ""),
        ("short", "it ends in"), ("changed", "differs from its digest"), ("longer", "goes on behind its end"),
        ("huge", "its head has 18446744073709551615 bytes"), ("key", ""), ("other", ""),
        ("zeros", "does not begin as an image"), ("text", "not a whole stream of zstd"), ("empty", ""),
      ]
      for (name, words) in cases {
        let outcome = try run("import '\(scratch("\(name).gsi"))'", on: "two", scratch)
        #expect(outcome.status == Failure.Code.dump.rawValue, "\(name): \(outcome)")
        #expect(outcome.errors.contains(words), "\(name): \(outcome)")
        #expect(try content(of: "two", scratch) == "", "\(name)")
      }
    }
  }

  @Test("Of two imports at once both end well, and one that is killed leaves nothing that is in the way")
  func atOnce() throws {
    try withScratch { scratch in
      let made = try exported(scratch)
      try machine("two", scratch, more: "")
      let both = try bash(
        """
        cd '\(scratch.path)'
        for number in 1 2; do '\(program)' image import image.gsi --config two > out$number 2> errors$number & done
        wait -n && wait -n; status=$?; cat errors*; exit $status
        """)
      #expect(both.status == 0, "\(both)")
      #expect(try content(of: "two", scratch) == made["key"]?.string)
      #expect(try run("verify", on: "two", scratch).status == 0)
      try machine("three", scratch, more: "")
      // It waits for the rest of its input, which does not come.
      try shell(
        """
        cd '\(scratch.path)'; mkfifo pipe
        '\(program)' image import - --config three < pipe > out 2>&1 & pid=$!
        exec 7> pipe; head -c 1000000 image.gsi >&7
        until ls three/cache/tmp/*/image/disk.img > /dev/null 2>&1; do sleep 0.05; done
        kill -KILL $pid; wait $pid || true; exec 7>&-
        """)
      #expect(try content(of: "three", scratch) != "")
      #expect(try run("import '\(scratch("image.gsi"))'", on: "three", scratch).status == 0)
      #expect(try content(of: "three", scratch) == made["key"]?.string)
      #expect(try run("verify", on: "three", scratch).status == 0)
    }
  }

  @Test("A cache without room for an image keeps nothing of it", .enabled(if: isRoot, "needs root")) func noRoom()
    throws
  {
    try withScratch { scratch in
      _ = try exported(scratch)
      try machine("two", scratch, more: "cache_max_size = \"1M\"")
      let limited = try run("import '\(scratch("image.gsi"))'", on: "two", scratch)
      #expect(limited.status == Failure.Code.dump.rawValue && limited.errors.contains("at most 1.0 MiB"), "\(limited)")
      try machine("three", scratch, more: "")
      let full = try bash(
        """
        cd '\(scratch.path)'; mkdir -p three/cache
        unshare --mount sh -c 'mount -t tmpfs -o size=2M,mode=755 none three/cache
          "\(program)" image import image.gsi --config three; status=$?
          ls three/cache/images three/cache/tmp; exit $status'
        """)
      #expect(full.status == Failure.Code.space.rawValue || full.status == Failure.Code.io.rawValue, "\(full)")
      #expect(full.errors.contains("No space left on device"), "\(full)")
      #expect(full.output == "three/cache/images:\n\nthree/cache/tmp:\n", "\(full)")
    }
  }

  @Test("A local file becomes what a variant's source has, verified in its way, and the source is not asked then")
  func add() throws {
    try withScratch { scratch in
      try publish(scratch)
      try shell("cd '\(scratch.path)'; cp www/a.qcow2 copy; cp www/SUMS list; rm -r www")
      try machine(
        "one", scratch, more: "image = \"http://127.0.0.1:9/a.qcow2\"\nsums = \"http://127.0.0.1:9/SUMS\"")
      let copy = scratch("copy")
      let added = try run("add '\(copy)' --sums '\(scratch("list"))' --json", on: "one", scratch)
      #expect(added.status == 0, "\(added)")
      let told = try JSON(parsing: added.bytes)
      #expect(told["added"] == true)
      #expect(try shell("cmp '\(told["path"]?.string ?? "")' '\(scratch("raw"))'") == "")
      let listed = try JSON(parsing: run("list --json", on: "one", scratch).bytes).array?.first
      #expect(listed?["source"] == "http://127.0.0.1:9/a.qcow2" && listed?["verified_by"] == "sums", "\(listed as Any)")
      let built = try run("build --all --json", on: "one", scratch)
      #expect(try JSON(parsing: built.bytes).array?.first?["built"] == false, "\(built)")

      let sum = try shell("sha256sum < '\(copy)' | cut -d ' ' -f 1")
      let digest = "sha256:\(sum)"
      let again = try run("add '\(copy)' --digest \(digest) --json", on: "one", scratch)
      #expect(try JSON(parsing: again.bytes)["added"] == false, "\(again)")
      for (options, words) in [
        ("--digest sha256:\(String(repeating: "0", count: 64))", "is not what was published"),
        ("--digest \(digest) --verify none", "digest says nothing beside verify"),
        ("--signature '\(copy)'", "does not name signature"),
        ("--sums '\(copy)'", ""),
      ] {
        let outcome = try run("add '\(copy)' \(options)", on: "one", scratch)
        #expect(outcome.status != 0 && outcome.errors.contains(words), "\(options): \(outcome)")
      }
      #expect(try content(of: "one", scratch) == told["key"]?.string)
      try machine("two", scratch, more: "image = \"http://127.0.0.1:9/a.qcow2\"\nverify = \"none\"")
      #expect(try run("add '\(copy)'", on: "two", scratch).status == 0)
      try machine("three", scratch, more: "suite = \"bookworm\"")
      let unnamed = try run("add '\(copy)'", on: "three", scratch)
      #expect(unnamed.status == Failure.Code.invalid.rawValue, "\(unnamed)")
    }
  }
}
