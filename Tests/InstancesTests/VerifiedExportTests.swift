// SPDX-License-Identifier: Apache-2.0
import Instances
import Report
import TestSupport
import Testing

/// `backup verify` of dumps that are empty, damaged, packed, missing, or not guestsmith's.
@Suite struct VerifiedExportTests {
  enum Damage: Sendable {
    case empty
    /// One byte, at that offset.
    case changed(at: Int)
    case cut(to: Int)

    static let all: [Damage] =
      [Damage.empty] + [0, 1, 2, 3, 4, 5, 8, 12, 16, 20, 40].map { Damage.changed(at: $0) }
      + [3, 40, 1200].map { Damage.cut(to: $0) }

    func applied(to good: [UInt8]) -> [UInt8] {
      switch self {
      case .empty: return []
      case .changed(let offset):
        var bytes = good
        bytes[offset] ^= 0xFF
        return bytes
      case .cut(let length): return Array(good.prefix(length))
      }
    }
  }

  // MARK: Exports

  private static let ours = "guestsmith+debian-12"

  /// A good dump of a small guest, as each configuration has it written.
  private static let zstd: Result<[UInt8], any Error> = Result { try exported("zstd") }
  private static let plain: Result<[UInt8], any Error> = Result { try exported("none") }

  private static func exported(_ compression: String) throws -> [UInt8] {
    try withScratch { folder in
      try shell(
        """
        cd '\(folder.path)'; mkdir tree; head -c 100000 /dev/urandom >tree/file; truncate -s 8M disk
        PATH=$PATH:/sbin mke2fs -q -F -t ext4 -d tree disk
        """)
      let definition = try InstalledDefinition(
        in: folder, cache: folder("cache"), configuration: "compression = \"\(compression)\"\n")
      let outcome = try bash("'\(definition.folder)/export' -i vm1 -b '\(folder("disk"))' >'\(folder("dump"))'")
      guard outcome.status == 0 else { throw Failure(.script, "export: \(outcome)") }
      return try readFile(folder("dump"))
    }
  }

  private static func good(_ compression: String) throws -> [UInt8] {
    try (compression == "zstd" ? zstd : plain).get()
  }

  /// What a command of the system makes of some bytes.
  private static func packed(_ bytes: [UInt8], by command: String) throws -> [UInt8] {
    try withScratch { folder in
      try folder.write(bytes, to: "bytes")
      try shell("cd '\(folder.path)'; \(command) <bytes >packed")
      return try readFile(folder("packed"))
    }
  }

  /// What is not in any known format, always the same.
  private static func noise(_ count: Int) -> [UInt8] {
    var state: UInt64 = 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(state >> 56)
    }
  }

  /// An export of vm1 with these dumps, of which nil is named and missing.
  private func withExport(
    of os: String = ours, compression: String = "none", _ dumps: [[UInt8]?], _ body: (TestHost) throws -> Void
  ) throws {
    try withScratch { folder in
      var text = """
        [export]
        version = 0
        timestamp = 1700000000
        source = node1
        os = \(os)
        compression = \(compression)

        [instance]
        name = vm1
        disk_count = \(dumps.count)
        nic_count = 0

        """
      for (index, dump) in dumps.enumerated() {
        text += "disk\(index)_size = 8\ndisk\(index)_ivname = disk/\(index)\ndisk\(index)_dump = disk\(index).dump\n"
        if let dump { try folder.write(dump, to: "state/exports/vm1/disk\(index).dump") }
      }
      try folder.write(text, to: "state/exports/vm1/config.ini")
      try body(TestHost(folder))
    }
  }

  private func verify(_ host: TestHost, _ options: String = "") throws -> (outcome: Outcome, rows: [JSON]) {
    let outcome = try host.program("backup verify vm1 --state state --json --quiet \(options)")
    let rows = try #require(JSON(parsing: Array(outcome.output.utf8)).array, "\(outcome)")
    return (outcome, rows)
  }

  private func expect(
    _ verdicts: [String], _ host: TestHost, _ options: String = "", sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let (outcome, rows) = try verify(host, options)
    let isDamaged = verdicts.contains("damaged")
    #expect(
      outcome.status == (isDamaged ? Failure.Code.dump.rawValue : 0), "\(outcome)", sourceLocation: sourceLocation)
    #expect(rows.map { $0["verdict"]?.string ?? "" } == verdicts, "\(outcome)", sourceLocation: sourceLocation)
    #expect(
      rows.map { $0["failure"]?.string != nil } == verdicts.map { $0 == "damaged" }, "\(outcome)",
      sourceLocation: sourceLocation)
  }

  // MARK: Ours

  @Test("a whole dump is good, packed or not", arguments: ["zstd", "none"])
  func whole(compression: String) throws {
    let good = try Self.good(compression)
    try withExport([good]) { try expect(["good"], $0) }
    try withExport(of: "one", [good]) { try expect(["good"], $0) }
    for (command, host) in [("gzip -c", "gzip"), ("gzip -c", "none"), ("xz -c", "none"), ("zstd -qc", "none")] {
      let packed = try Self.packed(good, by: command)
      try withExport(compression: host, [packed]) { try expect(["good"], $0) }
    }
  }

  @Test("a dump that is empty, or damaged where it begins, is damaged", arguments: Damage.all, ["zstd", "none"])
  func damaged(_ damage: Damage, compression: String) throws {
    try withExport([damage.applied(to: Self.good(compression))]) { host in
      try expect(["damaged"], host)
      let all = try host.program("backup verify --all --state state --json --quiet")
      let told = try #require(JSON(parsing: Array(all.output.utf8)).array, "\(all)")
      #expect(all.status == Failure.Code.dump.rawValue && told.first?["result"] == "damaged", "\(all)")
    }
  }

  @Test(
    "so it is where it was packed afterwards",
    arguments: [Damage.empty, .changed(at: 0), .changed(at: 12), .cut(to: 3), .cut(to: 40), .cut(to: 1200)],
    ["gzip -c", "xz -c", "zstd -qc"])
  func packedDamage(_ damage: Damage, packing: String) throws {
    for compression in ["zstd", "none"] {
      let dump = try Self.packed(damage.applied(to: Self.good(compression)), by: packing)
      for host in packing == "gzip -c" ? ["gzip", "none"] : ["none"] {
        try withExport(compression: host, [dump]) { try expect(["damaged"], $0) }
      }
    }
  }

  @Test("what is cut inside a whole packing is told by its byte, as dump verify does") func cutInside() throws {
    let cut = Array(try Self.good("none").prefix(100_000))
    try withExport(compression: "gzip", [try Self.packed(cut, by: "gzip -c")]) { host in
      let (outcome, rows) = try verify(host)
      #expect(rows.first?["failure"]?.string?.contains("the dump is cut off at byte 100000") == true, "\(outcome)")
    }
  }

  @Test("a packing that is cut or damaged is damaged, whatever is in it", arguments: ["guestsmith", "one"])
  func damagedPacking(os: String) throws {
    for content in [try Self.good("zstd"), Self.noise(200_000)] {
      let packed = try Self.packed(content, by: "gzip -c")
      var changed = packed
      changed[packed.count / 2] ^= 0xFF
      for dump in [Array(packed.dropLast(20)), changed] {
        try withExport(of: os, compression: "gzip", [dump]) { try expect(["damaged"], $0) }
      }
    }
  }

  @Test("an empty one says so, and what to do") func emptySaysSo() throws {
    try withExport([[]]) { host in
      let outcome = try host.program("backup verify vm1 --state state --quiet")
      let path = "\(host.state.exports)/vm1/disk0.dump"
      #expect(outcome.status == Failure.Code.dump.rawValue)
      #expect(outcome.output == "disk 0: \(path) is empty\n", "\(outcome)")
      #expect(outcome.errors.contains("\(path) is empty\n  export the instance again"), "\(outcome)")
    }
    try withExport(compression: "gzip", [try Self.packed([], by: "gzip -c")]) { host in
      let (outcome, _) = try verify(host)
      #expect(outcome.errors.contains("disk0.dump is empty once it is unpacked"), "\(outcome)")
    }
  }

  @Test("zeros, and what import does not take, are damaged; a raw disk that it takes is not judged")
  func whatImportTakes() throws {
    try withExport([[UInt8](repeating: 0, count: 100_000)]) { host in
      try expect(["damaged"], host)
      #expect(try verify(host).outcome.errors.contains("does not begin as a dump of guestsmith, but with zeros"))
    }
    try withExport([Self.noise(100_000)]) { host in
      try expect(["damaged"], host)
      #expect(try verify(host).outcome.errors.contains("does not begin as a dump of guestsmith, or as anything"))
    }
    let raw = try withScratch { folder in
      try shell("cd '\(folder.path)'; truncate -s 2M disk; PATH=$PATH:/sbin mke2fs -q -F -t ext4 disk")
      return try readFile(folder("disk"))
    }
    try withExport([raw]) { try expect(["unknown"], $0) }
    try withExport([try Self.packed(raw, by: "xz -c")]) { try expect(["unknown"], $0) }
  }

  @Test("one that can't be read is not called damaged, and the exit status tells why; damage beside it counts more")
  func unread() throws {
    let good = try Self.good("zstd")
    func verify(
      _ host: TestHost, _ words: String, failing error: String = "EMFILE"
    ) throws -> (outcome: Outcome, rows: [JSON]) {
      let outcome = try bash(
        """
        cd '\(host.folder.path)'
        strace -f -qq -o /dev/null -e signal=none -e inject=openat:error=\(error) \
          -P '\(host.state.exports)/vm1/disk0.dump' \
          '\(program)' backup verify \(words) --state state --json --quiet
        """)
      return (outcome, try #require(JSON(parsing: Array(outcome.output.utf8)).array, "\(outcome)"))
    }
    try withExport([good]) { host in
      let (outcome, rows) = try verify(host, "vm1")
      #expect(outcome.status == Failure.Code.io.rawValue, "\(outcome)")
      #expect(rows.map { $0["verdict"]?.string } == ["unknown"], "\(outcome)")
      #expect(rows.first?["failure"]?.string?.contains("Too many open files") == true, "\(outcome)")
      let (all, told) = try verify(host, "--all")
      #expect(all.status == Failure.Code.io.rawValue && told.first?["result"] == "unknown", "\(all)")
      #expect(told.first?["reason"]?.string?.contains("Too many open files") == true, "\(all)")
    }
    // Its storage has lost it.
    try withExport([good]) { host in
      let (outcome, rows) = try verify(host, "vm1", failing: "EIO")
      #expect(outcome.status == Failure.Code.dump.rawValue, "\(outcome)")
      #expect(rows.map { $0["verdict"]?.string } == ["damaged"], "\(outcome)")
    }
    try withExport([good, []]) { host in
      let (outcome, rows) = try verify(host, "vm1")
      #expect(outcome.status == Failure.Code.dump.rawValue, "\(outcome)")
      #expect(rows.map { $0["verdict"]?.string } == ["unknown", "damaged"], "\(outcome)")
      let (all, told) = try verify(host, "--all")
      #expect(all.status == Failure.Code.dump.rawValue && told.first?["result"] == "damaged", "\(all)")
    }
  }

  // MARK: Whose they are

  @Test("of another definition's dump emptiness and its packing are judged, and nothing else") func foreign() throws {
    let noise = Self.noise(100_000)
    let packed = try Self.packed(noise, by: "gzip -c")
    let dumps: [(dump: [UInt8], host: String, verdict: String)] = [
      ([], "none", "damaged"), (try Self.packed([], by: "gzip -c"), "none", "damaged"),
      (try Self.packed([], by: "xz -c"), "none", "damaged"), (noise, "none", "unknown"),
      ([UInt8](repeating: 0, count: 100_000), "none", "unknown"), (Array("x".utf8), "none", "unknown"),
      (packed, "none", "unknown"), (packed, "gzip", "good"), (Array(packed.dropLast(9)), "none", "damaged"),
      // A host may say that it packed what it did not.
      (noise, "gzip", "unknown"),
    ]
    for (dump, host, verdict) in dumps {
      try withExport(of: "one", compression: host, [dump]) { try expect([verdict], $0) }
    }
  }

  @Test("a definition of ours is known under any name, by its scripts or by another of its dumps")
  func anotherName() throws {
    let cut = Damage.cut(to: 3).applied(to: try Self.good("zstd"))
    for os in ["renamed", "renamed+debian-12"] {
      try withExport(of: os, [cut]) { host in
        try expect(["unknown"], host)
        try expect(["unknown"], host, "--search-path os")
        let installed = try host.program("os install --api 20 --name renamed --into os")
        #expect(installed.status == 0, "\(installed)")
        try expect(["damaged"], host, "--search-path os")
      }
    }
    try withExport(of: "renamed", [try Self.good("zstd"), cut]) { try expect(["good", "damaged"], $0) }
  }

  @Test("what an adaptation writes of the further disks is its own") func adapted() throws {
    let data = try Self.packed(Self.noise(100_000), by: "gzip -c")
    try withExport([try Self.good("zstd"), Array("this disk was empty\n".utf8), data]) {
      try expect(["good", "unknown", "unknown"], $0)
    }
    let cut = Damage.cut(to: 3).applied(to: try Self.good("zstd"))
    try withExport([cut, Array("this disk was empty\n".utf8), data]) {
      try expect(["damaged", "unknown", "unknown"], $0)
    }
  }

  // MARK: Missing

  @Test("a missing dump has its row, and the others are verified all the same") func missing() throws {
    let good = try Self.good("zstd")
    for dumps in [[nil], [good, nil], [nil, good]] as [[[UInt8]?]] {
      let verdicts = dumps.map { $0 == nil ? "damaged" : "good" }
      try withExport(dumps) { host in
        let (outcome, rows) = try verify(host)
        let number = dumps.firstIndex { $0 == nil } ?? 0
        let path = "\(host.state.exports)/vm1/disk\(number).dump"
        #expect(outcome.status == Failure.Code.dump.rawValue, "\(outcome)")
        #expect(rows.compactMap { $0["verdict"]?.string } == verdicts, "\(outcome)")
        #expect(rows.compactMap { $0["disk"]?.integer } == Array(dumps.indices), "\(outcome)")
        try #require(rows.count == dumps.count)
        #expect(rows[number]["path"]?.string == path && rows[number]["bytes"] == 0)
        #expect(rows[number]["failure"]?.string == "the dump of disk \(number) is missing: \(path)")
        #expect(outcome.errors.contains("the dump of disk \(number) is missing: \(path)"), "\(outcome)")
        let all = try host.program("backup verify --all --state state --json --quiet")
        let told = try #require(JSON(parsing: Array(all.output.utf8)).array, "\(all)")
        #expect(told.first?["disks"] == JSON.array(rows), "\(all)")
      }
    }
  }

  @Test("an export that names no dump is a failure, with JSON of no row") func namesNone() throws {
    try withExport([]) { host in
      let (outcome, rows) = try verify(host)
      #expect(outcome.status == Failure.Code.dump.rawValue && rows.isEmpty, "\(outcome)")
      #expect(outcome.errors.contains("config.ini names no dump"), "\(outcome)")
    }
  }
}
