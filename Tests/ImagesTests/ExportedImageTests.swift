// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Images

/// A bootstrapped image on its way to the cache of another machine.
@Suite struct ExportedImageTests {
  private let quiet = Steps(.quiet)

  private func store(_ scratch: TestSupport.Scratch, _ name: String) throws -> ImageStore {
    try ImageStore(folder: scratch(name), maxAgeDays: 14, maxSize: nil)
  }

  private func exported(_ store: ImageStore) throws -> [UInt8] {
    let entry = try store.obtain(anyRecipe, steps: quiet, maker: FakeMaker().maker)
    var bytes: [UInt8] = []
    try store.export(entry, progress: StepProgress()) { piece throws(Failure) in bytes += piece }
    return bytes
  }

  private func take(_ bytes: [UInt8], into store: ImageStore, most: UInt64 = 1 << 40) throws -> ImageStore.Imported {
    var rest = bytes[...]
    return try store.takeImported(steps: quiet) { files throws(Failure) in
      guard let files = ImportedImage.Files(files) else { throw Failure(.io, "other files") }
      var image = ImportedImage("the image") { buffer throws(Failure) in
        let piece = rest.prefix(buffer.count)
        buffer.copyBytes(from: piece)
        rest = rest.dropFirst(piece.count)
        return piece.count
      }
      try image.read(into: files, most: most, progress: StepProgress())
    }
  }

  @Test("An image of packages is used in another cache, and not built there") func used() throws {
    try withScratch { scratch in
      let bytes = try exported(store(scratch, "one"))
      let two = try store(scratch, "two")
      let taken = try take(bytes, into: two)
      #expect(taken.isNew && taken.key == anyRecipe.key)
      let fake = FakeMaker()
      let entry = try two.obtain(anyRecipe, steps: quiet, maker: fake.maker)
      #expect(fake.count == 0)
      try entry.verify(progress: StepProgress())
      #expect(try shell("cmp '\(entry.path)' '\(scratch("one/images/\(anyRecipe.key)/disk.img"))'") == "")
      #expect(!(try take(bytes, into: two).isNew))
      #expect(try shell("ls '\(scratch("two/tmp"))'") == "")
    }
  }

  @Test("A cut or a change at any place is found, and nothing is published") func damaged() throws {
    try withScratch { scratch in
      let bytes = try exported(store(scratch, "one"))
      let two = try store(scratch, "two")
      let places = [0, 1, 18, 19, 26, 27, 100, 2000, 4000, bytes.count / 2, bytes.count - 33, bytes.count - 1]
      for place in places {
        var changed = bytes
        changed[place] ^= 0x81
        #expect(throws: Failure.self, "changed at \(place)") { _ = try take(changed, into: two) }
        #expect(throws: Failure.self, "cut at \(place)") { _ = try take(Array(bytes[..<place]), into: two) }
      }
      #expect(throws: Failure.self) { _ = try take(bytes + [0], into: two) }
      #expect(throws: Failure.self) { _ = try take(bytes, into: two, most: 1000) }
      #expect(try two.keys() == [])
      #expect(try shell("ls '\(scratch("two/tmp"))'") == "")
    }
  }

  @Test("More pieces than its head says are refused where they begin to be too many") func tooMany() throws {
    try withScratch { scratch in
      var bytes = try exported(store(scratch, "one"))
      let isDigit = { (byte: UInt8) in UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
      let key = try #require(bytes.firstRange(of: Array("\"used_bytes\":".utf8)))
      let digits = bytes[key.upperBound...].drop { !isDigit($0) }.prefix(while: isDigit).indices
      let few = [UInt8(ascii: "1")] + [UInt8](repeating: UInt8(ascii: " "), count: digits.count - 1)
      bytes.replaceSubrange(digits, with: few)
      let two = try store(scratch, "two")
      let failure = #expect(throws: Failure.self) { _ = try take(bytes, into: two) }
      #expect(failure?.message.contains("its pieces are more than its manifest says") == true, "\(failure as Any)")
      #expect(try two.keys() == [])
    }
  }

  @Test("A source that was asked later here keeps what it was found to be") func pins() throws {
    try withScratch { scratch in
      let (one, two) = (try store(scratch, "one"), try store(scratch, "two"))
      _ = try one.obtain(anyRecipe, steps: quiet, maker: FakeMaker().maker)
      let sources = ["a", "b"].map { ImageStore.key(ofSource: $0) }
      let other = ImageStore.key(ofSource: "other")
      for source in sources { try one.set(.init(key: anyRecipe.key, asked: Timestamp(seconds: 2000)), of: source) }
      try two.set(.init(key: other, asked: Timestamp(seconds: 1000)), of: sources[0])
      try two.set(.init(key: other, asked: Timestamp(seconds: 3000)), of: sources[1])
      _ = try take(exported(one), into: two)
      #expect(two.pin(of: sources[0])?.key == anyRecipe.key)
      #expect(two.pin(of: sources[1])?.key == other)
    }
  }

  @Test("a UUID behind the end of a file of the boot loader is not one of its places") func placesOfUUIDs() {
    func file(_ place: Int, size: Int = 1000) -> BootFile? {
      BootFile([
        "name": "core.img", "size": .integer(size), "sha256": .string(String(repeating: "a", count: 64)),
        "uuid_at": .array([.integer(place)]),
      ])
    }
    #expect(file(0) != nil && file(1000 - 36) != nil)
    #expect(file(1000 - 35) == nil && file(.max) == nil)
    #expect(file(0, size: 36) != nil && file(0, size: 35) == nil && file(0, size: 0) == nil)
  }
}
