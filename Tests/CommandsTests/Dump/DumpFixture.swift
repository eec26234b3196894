// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

/// Tests of dumps, and of what else a guest comes as, with small guests that boot nowhere.
@Suite("Dumps", .serialized, .enabled(if: isRoot, "needs root"))
enum Dumps {
  /// A scratch folder with the definition installed and a guest's disk.
  struct Bench {
    let scratch: Scratch
    let definition: InstalledDefinition
    let guest: String
    let swap: String

    var dump: String { scratch("guest.dump") }

    /// Exports the guest into `dump`.
    @discardableResult
    func export(_ disk: String? = nil) throws -> String {
      let line = "'\(definition.folder)/export' -i vm1.example.com -b '\(disk ?? guest)' > '\(dump)'"
      try EndToEnd.succeeded(bash(line))
      return dump
    }

    /// Imports what the shell command writes onto a disk of zeros, or one that is there.
    func `import`(_ command: String, onto disk: String) throws -> Outcome {
      try bash("(\(command)) | '\(definition.folder)/import' -i vm2.example.com -b '\(disk)' -s '\(swap)'")
    }

    /// Takes away what dump(8) itself loses.
    func removeLongestName() throws {
      try withMounted(guest, options: "rw") { root in
        try EndToEnd.succeeded(
          bash(#"rm "\#(root)/odd/$(printf '\xe9%.0s' {1..255})" && touch -d '2024-05-06 07:08:09' '\#(root)/odd'"#))
      }
    }

    func disk(_ name: String, size: UInt64) throws -> String { try makeSparseFile(scratch(name), size: size) }

    /// Expects the restored disk to hold the guest's files, but for those that import configures.
    func expectGuest(on disk: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
      #expect(try problems(of: disk) == nil, sourceLocation: sourceLocation)
      let original = try withMounted(guest) { try Tree(of: $0) }
      let restored = try withMounted(disk) { try Tree(of: $0) }
      #expect(
        restored.differences(from: original, allowed: Dumps.configured) == [], sourceLocation: sourceLocation)
      #expect(try guestFile("/etc/hostname", on: disk) == "vm2\n", sourceLocation: sourceLocation)
      let table = try #require(try guestFile("/etc/fstab", on: disk), sourceLocation: sourceLocation)
      let uuid = try #require(try tag("UUID", of: disk), sourceLocation: sourceLocation)
      #expect(table.contains("UUID=\(uuid) / "), sourceLocation: sourceLocation)
    }

    /// Expects an import that failed, for that reason and with nothing left on the disk that could be mounted.
    func expectRefusal(
      _ outcome: Outcome, _ codes: Failure.Code..., of disk: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
      #expect(codes.map(\.rawValue).contains(outcome.status), "\(outcome)", sourceLocation: sourceLocation)
      #expect(!isMountable(disk), sourceLocation: sourceLocation)
    }
  }

  static let configured: Set<String> = [
    "etc", "etc/hostname", "etc/hosts", "etc/fstab", "etc/mailname", "lost+found",
  ]

  static func withBench(
    type: String = "ext4", size: UInt64 = 96 << 20, configuration: String = "", _ body: (Bench) throws -> Void
  ) throws {
    try withScratch { scratch in
      let guest = try makeSparseFile(scratch("guest.img"), size: size)
      try shell("mke2fs -q -F -t \(type) -b 1024 -E root_owner=0:0 '\(guest)'")
      try withMounted(guest, options: "rw") { root in try fill(root) }
      let bench = Bench(
        scratch: scratch,
        definition: try InstalledDefinition(in: scratch, cache: scratch("cache"), configuration: configuration),
        guest: guest, swap: try makeSparseFile(scratch("swap.img"), size: 4 << 20))
      try body(bench)
    }
  }

  /// Some of everything that a guest may hold.
  private static func fill(_ root: String) throws {
    try plantOddNames(in: root + "/odd")
    try shell(
      """
      cd '\(root)'
      mkdir -p etc sbin usr/bin many dev srv/acl
      grep -E '^(root|games):' /etc/passwd > etc/passwd; grep -E '^(root|games):' /etc/group > etc/group
      echo vm1 > etc/hostname; echo '127.0.1.1 vm1.example.com vm1' > etc/hosts
      echo 'UUID=0 / ext4 defaults 0 1' > etc/fstab
      ln etc/passwd usr/hard; ln -s /etc/passwd absolute; ln -s "$(printf 'x%.0s' $(seq 300))" long-link
      mknod dev/null c 1 3; mknod dev/big b 259 70000; mkfifo dev/fifo
      head -c 3000000 /dev/urandom > usr/random; : > usr/empty; seq 200000 > usr/numbers
      truncate -s 5M usr/hole; printf middle | dd of=usr/hole bs=1 seek=2000000 conv=notrunc status=none
      head -c 200000 /dev/zero > usr/zeros
      cp /bin/true usr/bin/ping; chmod 4755 usr/bin/ping; setcap cap_net_raw+ep usr/bin/ping
      setfattr -n user.note -v "$(printf 'n%.0s' $(seq 600))" usr/numbers
      setfacl -m u:1234:rw,g:77:r srv/acl; setfacl -d -m u:5:rwx srv/acl; setfacl -m u:9999:r usr/random
      chown 4242:4000000 usr/random; chmod 1777 srv
      for i in $(seq 300); do : > "many/a-file-with-a-rather-long-name-to-fill-blocks-$i"; done
      find . -exec touch -h -d '2024-05-06 07:08:09' {} +
      """)
  }
}
