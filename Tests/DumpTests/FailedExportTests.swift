// SPDX-License-Identifier: Apache-2.0
import Dump
import Report
import Testing

@Suite("An export that fails leaves a dump that is refused")
struct FailedExportTests {
  static let disk = Disk.random("of several frames", size: 9 << 20, extents: 40)

  @Test("A source that fails: its words reach the reader of the dump", arguments: [1, 3])
  func source(workers: Int) throws {
    var dump: [UInt8] = []
    let disk = Self.disk
    let limit = UInt64(6 << 20)
    let writer = try DumpWriter(try disk.manifest, try disk.map, compression: .zstd(level: 1), workers: workers)
    let failure = #expect(throws: Failure.self) {
      try writer.write(
        read: { offset, buffer throws(Failure) in
          guard offset < limit else { throw Failure(.io, "cannot read /dev/xenvg/web1: Input/output error") }
          disk.read(offset, buffer)
        }, sink: { dump += $0 })
    }
    #expect(failure == Failure(.io, "cannot read /dev/xenvg/web1: Input/output error"))
    let refusal = #expect(throws: Failure.self) { try restore(dump) }
    #expect(refusal?.code == .dump)
    #expect(refusal?.message.contains("Input/output error") == true, "\(refusal?.message ?? "")")
    for cut in 1...8 {
      #expect(throws: Failure.self) { try restore(dump.dropLast(cut)) }
    }
  }

  @Test("A plain dump of a source that fails is cut off")
  func plainSource() throws {
    var dump: [UInt8] = []
    let writer = try DumpWriter(try Self.disk.manifest, try Self.disk.map, compression: .none, workers: 1)
    #expect(throws: Failure.self) {
      try writer.write(read: { _, _ throws(Failure) in throw Failure(.io, "gone") }, sink: { dump += $0 })
    }
    let refusal = #expect(throws: Failure.self) { try restore(dump) }
    #expect(refusal?.message.contains("cut off") == true)
  }

  @Test("A sink that fails ends the export, at whatever byte")
  func sink() throws {
    let disk = Self.disk
    for form in DamageTests.forms {
      let whole = try disk.dump(form)
      for limit in [0, 1, 1000, whole.count / 2, whole.count - 20, whole.count - 1] {
        var dump: [UInt8] = []
        let writer = try DumpWriter(try disk.manifest, try disk.map, compression: form, workers: 2)
        let failure = #expect(throws: Failure.self) {
          try writer.write(
            read: disk.read,
            sink: { bytes throws(Failure) in
              dump += bytes.prefix(limit - dump.count)
              if dump.count == limit { throw Failure(.space, "no room") }
            })
        }
        #expect(failure?.code == .space)
        let isStart = whole.starts(with: dump) && dump.count == limit
        #expect(isStart, "nothing is written behind a failure")
      }
    }
  }

  @Test("A consumer that fails ends the import with its own failure")
  func consumer() throws {
    let dump = try Self.disk.dump()
    let failure = #expect(throws: Failure.self) {
      var calls = 0
      _ = try DumpReader(source: Stream(dump).read).read(workers: 2) { _, _ throws(Failure) in
        calls += 1
        if calls == 30 { throw Failure(.space, "cannot write to /dev/xenvg/web1: No space left on device") }
      }
    }
    #expect(failure?.code == .space)
  }

  @Test("A source of the import that fails is not damage of the dump")
  func importSource() throws {
    let stream = Stream(Array(try Self.disk.dump().prefix(1 << 20)))
    let failure = #expect(throws: Failure.self) {
      let reader = try DumpReader { buffer throws(Failure) in
        let count = stream.read(buffer)
        if count == 0 { throw Failure(.io, "cannot read standard input: Input/output error") }
        return count
      }
      _ = try reader.read(workers: 2) { _, _ in }
    }
    #expect(failure?.code == .io)
  }
}
