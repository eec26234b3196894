// SPDX-License-Identifier: Apache-2.0
import Interface
import LinuxIO
import Provider
import Report
import TestSupport
import Testing

/// Guests of an image layout of the OCI.
@Suite struct OCIImageTests {
  /// Makes the folder `image` as such a layout, out of layers `layer1`, `layer2`, … that it makes by Python.
  ///
  /// - Parameters:
  ///   - layers: what fills each layer by `add(NAME, BYTES, KIND, LINK)`.
  ///   - change: what is changed of `manifest`, `entry` of the index, or the blobs, last.
  private func publish(_ layers: [String], _ scratch: Scratch, change: String = "") throws {
    let parts = layers.enumerated().map { "begin(\($0.offset + 1))\n\($0.element)\nend()" }.joined(separator: "\n")
    try scratch.write(
      """
      import gzip, hashlib, io, json, os, subprocess, tarfile
      os.makedirs("image/blobs/sha256", exist_ok=True)
      layers, tar, count = [], None, 0
      def blob(content, type):
          digest = hashlib.sha256(content).hexdigest()
          open("image/blobs/sha256/" + digest, "wb").write(content)
          return {"mediaType": type, "digest": "sha256:" + digest, "size": len(content)}
      def begin(number):
          global tar, count
          count, tar = number, tarfile.open(f"layer{number}", "w", format=tarfile.GNU_FORMAT)
      def add(name, content=b"", kind=tarfile.REGTYPE, link="", mode=0o644):
          member = tarfile.TarInfo(name)
          member.size, member.type, member.linkname, member.mode = len(content), kind, link, mode
          tar.addfile(member, io.BytesIO(content))
      def folder(name): add(name, b"", tarfile.DIRTYPE, "", 0o755)
      def symlink(name, target): add(name, b"", tarfile.SYMTYPE, target)
      def hardlink(name, target): add(name, b"", tarfile.LNKTYPE, target)
      def end():
          tar.close()
          content = open(f"layer{count}", "rb").read()
          oci = "application/vnd.oci.image.layer.v1.tar"
          if count % 3 == 1: layers.append(blob(gzip.compress(content, 1), oci + "+gzip"))
          elif count % 3 == 2: layers.append(blob(subprocess.run(["zstd", "-qc"], input=content, stdout=-1).stdout, oci + "+zstd"))
          else: layers.append(blob(content, "application/vnd.docker.image.rootfs.diff.tar"))
      \(parts)
      config = blob(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}}).encode(), "application/vnd.oci.image.config.v1+json")
      manifest = {"schemaVersion": 2, "config": config, "layers": layers}
      \(change.hasPrefix("manifest") ? change : "")
      entry = blob(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
      entry["platform"] = {"os": "linux", "architecture": "amd64"}
      other = dict(entry, digest="sha256:" + "0" * 64, platform={"os": "linux", "architecture": "s390x"})
      index = {"schemaVersion": 2, "manifests": [other, entry]}
      \(change.hasPrefix("manifest") ? "" : change)
      open("image/index.json", "w").write(json.dumps(index))
      open("image/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
      """, to: "make.py")
    try shell("cd '\(scratch.path)'; rm -rf image; python3 make.py; cd image; sha256sum index.json > ../SUMS")
  }

  private func guest(_ scratch: Scratch, more: String = "") throws -> SmallGuest {
    try SmallGuest(
      in: scratch,
      configuration: """
        image = "\(scratch("image"))"
        format = "oci"
        sums = "\(scratch("SUMS"))"
        \(more)
        """)
  }

  private func create(_ guest: SmallGuest, disk: String = "disk") throws -> (disk: String, told: String) {
    let disk = try guest.disk(disk)
    let lines = Lines()
    try guest.run(
      guest.request(.create(isReinstall: false), "vm2.example.com", disks: [disk]),
      steps: Steps(.plain, write: { lines.write($0) }))
    return (disk, lines.all)
  }

  private static let base = """
    for name in ["etc", "usr", "usr/lib", "srv", "gone", "gone/deep", "opaque", "opaque/deep", "swap", "kept"]: folder(name)
    symlink("lib", "usr/lib")
    add("etc/passwd", b"root:x:0:0::/root:/bin/sh\\n")
    add("etc/os-release", b"ID=layered\\nVERSION_ID=1\\n")
    add("bin/sh", b"#!shell", mode=0o755)
    for name in ["usr/lib/one", "gone/deep/file", "opaque/deep/lower", "opaque/low", "swap/inner", "kept/file", "srv/first"]:
        add(name, name.encode())
    hardlink("srv/second", "srv/first")
    """
  private static let second = """
    add(".wh.gone")
    folder("opaque")
    add("opaque/upper", b"upper")
    add("opaque/.wh..wh..opq")
    add("opaque/deep/upper", b"upper")
    add(".wh.nothing"); add("never/.wh.there"); add(".wh..wh.plnk")
    add("lib/two", b"two"); add("lib/.wh.one")
    add("srv/.wh.first")
    hardlink("kept/link", "srv/second")
    add("swap", b"a file now")
    """
  private static let third = """
    folder("gone"); add("gone/new", b"new")
    add("kept/file", b"later")
    symlink("opaque/up", "../srv/second")
    """

  @Test("Layers lie over each other as tar unpacks them in order: what is hidden is gone, all else is there")
  func layers() throws {
    try withScratch { scratch in
      try publish([Self.base, Self.second, Self.third], scratch)
      let guest = try guest(scratch)
      let (disk, told) = try create(guest)
      #expect(try problems(of: disk) == nil, "\(told)")
      #expect(try guestFile("/etc/hostname", on: disk) == "vm2\n")
      #expect(try guestFile("/etc/guestsmith-release", on: disk)?.contains("SUITE=layered-1") == true)
      // What each whiteout names goes, as far as it is of a lower layer, before the rest of its layer is unpacked.
      let different = try bash(
        """
        cd '\(scratch.path)'; mkdir tree out
        tar -C tree -xf layer1
        (cd tree; rm -rf gone opaque usr/lib/one srv/first swap)
        tar -C tree --exclude '.wh.*' -xf layer2
        tar -C tree -xf layer3
        image=$(echo cache/images/*/disk.img)
        e2fsck -fn $image > /dev/null 2>&1 || exit 9
        debugfs -R 'rdump / out' $image 2> /dev/null; rmdir out/lost+found
        diff -r --no-dereference tree out
        diff <(cd tree; find . -mindepth 1 -printf '%p %y %m\\n' | sort) <(cd out; find . -mindepth 1 -printf '%p %y %m\\n' | sort)
        debugfs -R 'stat /kept/link' $image 2> /dev/null | grep -o 'Links: 2'
        """)
      #expect(different.output == "Links: 2\n" && different.errors == "", "\(different)")
    }
  }

  @Test("A layer without a byte, and one of which packing left none, add nothing; as an image they are not one")
  func emptyLayers() throws {
    try withScratch { scratch in
      let oci = "application/vnd.oci.image.layer.v1.tar"
      try publish(
        [Self.base, "add('srv/later', b'later')"], scratch,
        change: """
          manifest["layers"] = [blob(b"", "\(oci)"), layers[0], blob(gzip.compress(b""), "\(oci)+gzip"), layers[1],
              blob(subprocess.run(["zstd", "-qc"], input=b"", stdout=-1).stdout, "\(oci)+zstd")]
          """)
      let (disk, told) = try create(guest(scratch))
      #expect(try problems(of: disk) == nil, "\(told)")
      #expect(try guestFile("/srv/later", on: disk) == "later")
      #expect(try guestFile("/srv/first", on: disk) == "srv/first")
    }
    // With a cache of its own, as an image that is there stays in use.
    try withScratch { scratch in
      let oci = "application/vnd.oci.image.layer.v1.tar"
      try publish([Self.base], scratch, change: "manifest['layers'] = [blob(b'', '\(oci)')]")
      let none = try #require(throws: Failure.self) { _ = try create(guest(scratch), disk: "none") }
      #expect(none.message.contains("holds no root filesystem"), "\(none.message)")
      let sums = try shell("cd '\(scratch.path)'; : > a.tar; sha256sum a.tar")
      let tar = try SmallGuest(
        in: scratch,
        configuration: "image = \"\(scratch("a.tar"))\"\ndigest = \"sha256:\(sums.prefix(64))\"\n")
      let failure = try #require(throws: Failure.self) { _ = try create(tar, disk: "tar") }
      #expect(failure.message.contains("cannot read the archive"), "\(failure.message)")
    }
  }

  @Test("A layout that umoci made becomes the tree that umoci unpacks") func another() throws {
    try withScratch { scratch in
      try shell(
        """
        cd '\(scratch.path)'
        umoci init --layout image
        umoci new --image image:latest
        unpack() { umoci unpack --rootless --image image:latest $1 && cd $1/rootfs; }
        repack() { cd ../.. && umoci repack --image image:latest $1; }
        unpack first
        mkdir -p bin etc srv/deep opaque/deep gone run/kept; chmod 1777 run
        echo 'root:x:0:0::/root:/bin/sh' >etc/passwd
        printf 'ID=layered\\nVERSION_ID=1\\n' >etc/os-release
        echo '#!shell' >bin/sh; chmod 755 bin/sh; ln bin/sh bin/other; ln -s ../bin/sh etc/link
        touch srv/deep/stays srv/deep/goes opaque/deep/low opaque/low gone/file srv/becomes
        repack first
        unpack second
        rm -r gone opaque srv/deep/goes srv/becomes; mkdir opaque srv/becomes; echo upper >opaque/upper; echo one >srv/deep/stays
        ln -s nowhere srv/becomes/link
        repack second
        unpack bundle; cd ../..
        cd image; sha256sum index.json >../SUMS
        """)
      let guest = try guest(scratch)
      let (disk, told) = try create(guest)
      #expect(try problems(of: disk) == nil, "\(told)")
      let different = try bash(
        """
        cd '\(scratch.path)'; mkdir out
        debugfs -R 'rdump / out' "$(echo cache/images/*/disk.img)" 2>/dev/null; rmdir out/lost+found
        # Of a mode debugfs writes what is for the owner, the group and others.
        list() { (cd "$1"; find . -mindepth 1 -printf '%p %y %m %l\n' | sed 's/ d 1777 / d 777 /' | sort); }
        [ "$(list out | wc -l)" -ge 15 ]
        diff -r --no-dereference bundle/rootfs out && diff <(list bundle/rootfs) <(list out)
        debugfs -R 'stat /bin/other' cache/images/*/disk.img 2>/dev/null | grep -o 'Links: 2'
        debugfs -R 'stat /run' cache/images/*/disk.img 2>/dev/null | grep -o '01777'
        """)
      #expect(different.output == "Links: 2\n01777\n" && different.errors == "", "\(different)")
    }
  }

  @Test("An archive of a layout does too, packed or not", arguments: ["oci.tar", "oci.tar.gz", "oci.tar.zst"])
  func archive(format: String) throws {
    try withScratch { scratch in
      try publish([Self.base, Self.second], scratch)
      let packer = ["gz": "gzip", "zst": "zstd -q"][String(format.split(separator: ".").last ?? "")] ?? "cat"
      try shell(
        """
        cd '\(scratch.path)'; tar -C image -cf - . | \(packer) > archive; rm -r image
        sha256sum archive > SUMS
        """)
      let guest = try SmallGuest(
        in: scratch,
        configuration: """
          image = "\(scratch("archive"))"
          format = "\(format)"
          sums = "\(scratch("SUMS"))"
          """)
      let (disk, told) = try create(guest)
      #expect(try problems(of: disk) == nil, "\(told)")
      #expect(try guestFile("/usr/lib/two", on: disk) == "two")
      #expect(try guestFile("/usr/lib/one", on: disk) == nil)
    }
  }

  @Test("What is wrong with a layout is one message, and leaves no guest and nothing in the cache")
  func refused() throws {
    try withScratch { scratch in
      let elf = "add('bin/sh', b'\\x7fELF\\x02\\x01\\x01' + bytes(11) + b'\\x16\\x00\\x01\\x00')"
      let first = "path = 'image/blobs/sha256/' + layers[0]['digest'][7:]; "
      let cases: [(layer: String, change: String, words: String)] = [
        ("add('../out', b'x')", "", "leads out of the guest"),
        ("hardlink('a', '../../etc/shadow')", "", "leads out of the guest"),
        ("add('.', b'x')", "", "the root of the guest is not a folder"),
        ("hardlink('a', 'srv/none')", "", "not a file of the image"),
        ("hardlink('a', 'srv')", "", "not a file of the image"),
        ("add('srv/.wh.first'); hardlink('a', 'srv/first')", "", "not a file of the image"),
        ("symlink('out', '/..'); symlink('loop', 'loop'); add('loop/x', b'')", "", "a loop of links"),
        ("add('etc/passwd/x', b'')", "", "which is not a folder"),
        ("add('d/' * 600 + 'x', b'')", "", "more than 512 folders"), (elf, "", "is an image for s390x"),
        ("", "\(first)open(path, 'r+b').write(b'\\x1f\\x8b\\x08\\x01')", ""),
        ("", "\(first)open(path, 'ab').write(b'more')", "bytes, and should have"),
        ("", "open(('image/blobs/sha256/' + layers[1]['digest'][7:]), 'r+b').write(b'x')", ""),
        ("", "\(first)os.remove(path)", "No such file"),
        ("", "\(first)os.remove(path); os.mkfifo(path)", "is not a file"),
        ("", "entry['size'] += 1", "bytes, and should have"),
        (
          "", "entry['platform']['architecture'] = 'arm64'",
          "has no image for linux/amd64: it has linux/s390x and linux/arm64"
        ),
        ("", "entry['digest'] = 'sha256:../../../../etc/passwd'", "a digest that is not"),
        ("", "entry['digest'] = 'md5:' + 'a' * 32", "a digest that is not"),
        ("", "entry['mediaType'] = 'text/html'", "which is not an image"),
        ("", "manifest['layers'] = []", "names no layers"), ("", "manifest['layers'] = layers * 200", "more than 200"),
        ("", "manifest['layers'][0]['size'] = 1 << 70", "is not JSON"),
        ("", "manifest['layers'][0]['mediaType'] = 'application/x-tar'", "and not a tar, or one"),
        ("", "del entry['platform']; index['manifests'] = [entry, dict(entry)]", "2 images, and nothing tells"),
        ("", "index['manifests'].append(dict(entry, digest='sha256:' + 'a' * 64))", "2 images, and nothing tells"),
        ("", "index = []", "its index is not one"),
      ]
      for (number, (layer, change, words)) in cases.enumerated() {
        try publish([Self.base, layer], scratch, change: change)
        let failure = try #require(throws: Failure.self, "\(layer)\(change)") {
          _ = try create(guest(scratch), disk: "disk\(number)")
        }
        #expect(failure.message.contains(words), "\(layer)\(change): \(failure.message)")
        #expect(
          try shell("ls '\(scratch("cache/images"))' '\(scratch("cache/tmp"))' | grep -v : || true") == "",
          "\(layer)\(change)")
        #expect(try shell("blkid -p '\(scratch("disk\(number)"))' || true") == "", "\(layer)\(change)")
      }
    }
  }

  @Test(
    "Layers that unpack to more than the cache may have are refused before they are unpacked, and what is hidden does not count"
  )
  func bombs() throws {
    try withScratch { scratch in
      try publish([Self.base, "add('srv/zeros', bytes(300 << 20))"], scratch)
      let small = "cache_max_size = \"200M\""
      let failure = try #require(throws: Failure.self) { _ = try create(guest(scratch, more: small)) }
      #expect(failure.message.contains("the cache takes at most 200 MiB"), "\(failure.message)")
      #expect(try shell("ls '\(scratch("cache/images"))' '\(scratch("cache/tmp"))' | grep -v : || true") == "")
      try publish([Self.base, "add('srv/zeros', bytes(300 << 20))", "add('srv/.wh.zeros')"], scratch)
      let (disk, told) = try create(guest(scratch, more: small), disk: "other")
      #expect(try problems(of: disk) == nil, "\(told)")
    }
  }

  @Test("A changed index is not what was published") func index() throws {
    try withScratch { scratch in
      try publish([Self.base], scratch)
      try shell("cd '\(scratch("image"))'; sed -i 's/\"schemaVersion\"/ \"schemaVersion\"/' index.json")
      let failure = try #require(throws: Failure.self) { _ = try create(guest(scratch)) }
      #expect(failure.message.contains("is not what was published"), "\(failure.message)")
    }
  }
}
