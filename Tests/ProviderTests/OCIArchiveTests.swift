// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

/// The files in an archive of an OCI layout.
@Suite struct OCIArchiveTests {
  @Test("Names of more than 100 bytes are read, as pax and GNU write them", arguments: ["PAX_FORMAT", "GNU_FORMAT"])
  func longNames(format: String) throws {
    try withScratch { scratch in
      let long = "blobs/sha512/" + String(repeating: "a", count: 128)
      try scratch.write(
        """
        import io, tarfile
        with tarfile.open('a.tar', 'w', format=tarfile.\(format)) as tar:
            for name in ['./index.json', '\(long)', 'blobs/short']:
                entry = tarfile.TarInfo(name)
                entry.size = 3
                tar.addfile(entry, io.BytesIO(b'abc'))
        """, to: "make.py")
      try shell("cd '\(scratch.path)'; python3 make.py")
      let file = SharedDescriptor(try Descriptor(scratch("a.tar"), O_RDONLY))
      let files = try OCIArchive(file).files
      #expect(Set(files.keys) == ["index.json", long, "blobs/short"])
      #expect(files.values.allSatisfy { $0.length == 3 })
    }
  }

  @Test("A size in a record of pax counts, as Go's tar writes that of 8 GiB and more, for the entry behind it alone")
  func largeSizes() throws {
    try withScratch { scratch in
      try scratch.write(
        """
        import io, tarfile
        with tarfile.open('a.tar', 'w', format=tarfile.PAX_FORMAT) as tar:
            # In the field of the header it is 0.
            for name, size in [('large', 700), ('blobs/sha512/' + 'a' * 128, 3)]:
                entry = tarfile.TarInfo(name)
                entry.pax_headers = {'size': str(size)}
                tar.addfile(entry)
                tar.fileobj.write((b'x' * size).ljust((size + 511) // 512 * 512, b'\\0'))
                tar.offset += (size + 511) // 512 * 512
            entry = tarfile.TarInfo('index.json')
            entry.size = 5
            tar.addfile(entry, io.BytesIO(b'hello'))
        for name, size in [('bad.tar', 'many'), ('huge.tar', str(1 << 63))]:
            with tarfile.open(name, 'w', format=tarfile.PAX_FORMAT) as tar:
                entry = tarfile.TarInfo('large')
                entry.pax_headers = {'size': size}
                tar.addfile(entry)
        """, to: "make.py")
      try shell("cd '\(scratch.path)'; python3 make.py")
      let file = SharedDescriptor(try Descriptor(scratch("a.tar"), O_RDONLY))
      let files = try OCIArchive(file).files
      #expect(Set(files.keys.map { $0.prefix(12) }) == ["large", "blobs/sha512", "index.json"])
      #expect(files["large"]?.length == 700 && files["index.json"]?.length == 5, "\(files)")
      for (name, range) in files {
        let byte = name == "index.json" ? UInt8(ascii: "h") : UInt8(ascii: "x")
        #expect(try Descriptor(scratch("a.tar"), O_RDONLY).bytes(at: range.offset, count: 1) == [byte], "\(name)")
      }
      for name in ["bad.tar", "huge.tar"] {
        let failure = try #require(throws: Failure.self) {
          _ = try OCIArchive(SharedDescriptor(Descriptor(scratch(name), O_RDONLY)))
        }
        #expect(failure.message.contains("is not a tar at byte 1024"), "\(failure.message)")
      }
    }
  }

  @Test("What is not a tar is refused, whatever its bytes are")
  func noise() throws {
    var random = SystemRandomNumberGenerator()
    for round in 0..<2000 {
      var bytes = [UInt8](repeating: 1, count: 512)
      if round > 0 { for index in bytes.indices { bytes[index] = .random(in: 0...255, using: &random) } }
      // A number in base 256, where the checksum is.
      if round % 2 == 0 { bytes[148] = 0x80 }
      let file = try Descriptor(inMemory: "noise")
      try file.writeAll(bytes, at: 0)
      let failure = #expect(throws: Failure.self) {
        _ = try OCIArchive(SharedDescriptor(file.view.duplicate(named: "noise")))
      }
      #expect(failure?.message.contains("is not a tar at byte 0") == true)
    }
  }
}
