// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

/// A guest in a filesystem of one layout, with the definition that works on it. Needs no root: mke2fs(8) fills it.
struct FeatureBench {
  static let size: UInt64 = 96 << 20
  static let name = "old.example.com"

  let scratch: Scratch
  let layout: FeatureLayout
  let definition: InstalledDefinition
  let guest: String
  /// Whether the kernel tells what is in it, and not debugfs(8).
  let isReadByKernel: Bool

  init(_ layout: FeatureLayout, in scratch: Scratch, size: UInt64 = Self.size) throws {
    self.scratch = scratch
    self.layout = layout
    definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
    guest = try makeSparseFile(scratch("guest.img"), size: size)
    let tree = try Self.files.get()
    try scratch.write([UInt8](repeating: UInt8(ascii: "v"), count: 30_000), to: "large")
    try scratch.write(layout.edits.joined(separator: "\n") + "\n", to: "edits")
    var make = "mke2fs -q -F -E root_owner=0:0 \(layout.options) -d '\(tree)' guest.img"
    // From 1.47.2 on the first revision goes by another option.
    if layout.options.contains("-r 0"), try !shell("mke2fs -V 2>&1").contains(" 1.47.0") {
      make = make.replacing("=0:0", with: "=0:0,revision=0").replacing(" -r 0", with: "")
    }
    // e2fsck gives large directories the index that the kernel gives them, and counts what was edited.
    try shell(
      """
      cd '\(scratch.path)' && \(make) </dev/null &&
        debugfs -w -f edits guest.img && { e2fsck -fyD guest.img || [ $? -eq 1 ]; }
      """)
    isReadByKernel = isRoot && (try? withMounted(guest) { _ = try Tree(of: $0) }) != nil
    if let problem = try problems(of: guest) {
      throw Failure(.tool, "\(layout.name) is not made well: \(problem)")
    }
  }

  func disk(_ name: String, size: UInt64) throws -> String { try makeSparseFile(scratch(name), size: size) }

  func rename(_ disk: String, to name: String) throws -> Outcome {
    try definition.script("rename", "-o \(Self.name) -n \(name) -b '\(disk)' -s /dev/null")
  }

  func export() throws {
    try EndToEnd.succeeded(
      bash("'\(definition.folder)/export' -i \(Self.name) -b '\(guest)' > '\(scratch("dump"))'"))
  }

  func `import`(onto disk: String, as name: String) throws -> Outcome {
    let swap = try self.disk("swap.img", size: 4 << 20)
    return try bash(
      "'\(definition.folder)/import' -i \(name) -b '\(disk)' -s '\(swap)' < '\(scratch("dump"))'")
  }

  /// Expects a guest that has all files and features of the original, and this name.
  func expectGuest(on disk: String, named name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(try problems(of: disk) == nil, sourceLocation: sourceLocation)
    #expect(try features(of: disk) == features(of: guest), sourceLocation: sourceLocation)
    #expect(
      try tree(of: disk).differences(from: tree(of: guest), allowed: Self.edited) == [], sourceLocation: sourceLocation)
    let file = layout.name == "casefold" ? "/etc/HostName" : "/etc/hostname"
    #expect(try guestFile(file, on: disk) == name.prefix { $0 != "." } + "\n", sourceLocation: sourceLocation)
    if isRoot, isMountable(guest) { #expect(isMountable(disk), sourceLocation: sourceLocation) }
  }

  func features(of disk: String) throws -> [String] {
    let line = try shell("dumpe2fs -h '\(disk)' 2>/dev/null | sed -n 's/^Filesystem features: *//p'")
    return line.split(separator: " ").map(String.init).sorted()
  }

  /// All files as the kernel reads them, with their attributes; as debugfs(8) does where the kernel can't or may not.
  func tree(of disk: String) throws -> Tree {
    if isReadByKernel { return try withMounted(disk) { try Tree(of: $0) } }
    return try withScratch { folder in
      // The times of links are not among what it restores.
      try shell(
        "cd '\(folder.path)' && debugfs -R 'rdump / .' '\(disk)' && find . -type l -exec touch -h -d 2024-05-06 {} +")
      return try Tree(of: folder.path)
    }
  }

  /// What import and rename write, and the folders that it is in.
  static let edited: Set<String> = [
    ".", "etc", "etc/hostname", "etc/HostName", "etc/hosts", "etc/mailname", "etc/fstab", "etc/machine-id", "etc/ssh",
    "etc/ssh/ssh_host_rsa_key", "etc/ssh/ssh_host_rsa_key.pub", "etc/systemd", "etc/systemd/", "lost+found",
    "var/lib/systemd", "var/lib/systemd/random-seed", "var/lib/dbus", "var/lib/dbus/machine-id",
  ]

  /// Some of everything that lies in another way under some feature: large folders, small files and folders, links of
  /// each length, holes, attributes; and what makes it a guest.
  static let files: Result<String, any Error> = Result {
    let tree = try sharedScratch().folder("tree")
    try shell(
      """
      cd '\(tree)'
      mkdir -p etc/ssh root srv/small/folder boot/grub usr/bin lib/systemd many var/lib/systemd var/lib/dbus
      echo 'root:x:0:0:root:/root:/bin/bash' > etc/passwd; echo old > etc/hostname; echo old.example.com > etc/mailname
      printf '127.0.0.1\\tlocalhost\\n127.0.1.1\\told.example.com old\\n' > etc/hosts
      printf '/dev/vda / ext4 errors=remount-ro 0 1\\n' > etc/fstab
      echo 0123456789abcdef0123456789abcdef > etc/machine-id; cp etc/machine-id var/lib/dbus
      touch usr/bin/ssh-keygen lib/systemd/systemd; chmod +x usr/bin/ssh-keygen lib/systemd/systemd
      seq 100 > etc/ssh/ssh_host_rsa_key; echo public > etc/ssh/ssh_host_rsa_key.pub
      head -c 512 /dev/urandom > var/lib/systemd/random-seed
      echo tiny > srv/small/tiny; seq 40 > srv/small/larger; echo x > srv/small/folder/x; seq 100000 > srv/numbers
      ln srv/numbers srv/hard; ln -s ../etc/passwd srv/short
      ln -s "$(printf 'm%.0s' $(seq 70))" srv/middle; ln -s "$(printf 'l%.0s' $(seq 300))" srv/long
      truncate -s 3M srv/hole; printf middle | dd of=srv/hole bs=1 seek=1000000 conv=notrunc status=none
      for i in $(seq 250); do : > "many/a-rather-long-name-to-fill-blocks-$i"; : > "etc/a-rather-long-name-$i"; done
      for i in $(seq 60); do : > "etc/ssh/a-name-$i"; done
      for file in etc/hostname etc/ssh/ssh_host_rsa_key var/lib/dbus/machine-id srv/numbers; do
        setfattr -n user.note -v "$(printf 'n%.0s' $(seq 700))" $file; setfattr -n user.small -v small $file
      done
      find . -exec touch -h -d '2024-05-06 07:08:09' {} +
      """)
    return tree
  }
}
