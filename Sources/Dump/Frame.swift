// SPDX-License-Identifier: Apache-2.0
internal import CZstd
import Report

/// The start of a zstd frame as guestsmith writes it (RFC 8878, 3.1.1.1): one segment, its content size in as few bytes
/// as can say it, a checksum, no dictionary. It follows from the content size to the bit.
enum FrameHeader {
  static let magic: UInt32 = 0xFD2F_B528
  /// Bytes of the longest header: magic, descriptor, size.
  static let longest = 9

  static func bytes(content size: Int) -> [UInt8] {
    let (code, field): (UInt8, [UInt8]) =
      switch size {
      case ..<256: (0, [UInt8(size)])
      case ..<65792: (1, littleEndian(UInt16(size - 256)))
      default: (2, littleEndian(UInt32(size)))
      }
    return littleEndian(magic) + [code << 6 | 0b0010_0100] + field
  }

  /// The content size; nil unless the bytes start with a header as `bytes(content:)` makes it.
  static func contentSize(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 6 else { return nil }
    let fieldLength = 1 << Int(bytes[4] >> 6)
    guard fieldLength <= 4, bytes.count >= 5 + fieldLength else { return nil }
    let field = bytes[5..<5 + fieldLength].reversed().reduce(0) { $0 << 8 | Int($1) }
    let size = fieldLength == 2 ? field + 256 : field
    return bytes.starts(with: Self.bytes(content: size)) ? size : nil
  }
}

/// The three bytes before every block of a frame (RFC 8878, 3.1.1.2).
struct BlockHeader {
  static let length = 3
  let isLast: Bool
  /// Bytes of the block in the stream.
  let storedLength: Int

  /// Nil for the reserved type and for a block larger than the format allows.
  init?(_ bytes: some Collection<UInt8>) {
    let field = bytes.prefix(3).reversed().reduce(0) { $0 << 8 | Int($1) }
    let size = field >> 3
    isLast = field & 1 == 1
    switch field >> 1 & 3 {
    case 0, 2: storedLength = size
    case 1: storedLength = 1
    default: return nil
    }
    guard size <= 128 << 10 else { return nil }
  }
}

/// Compresses frames, one at a time.
final class Compressor {
  private let context: OpaquePointer

  /// `frameSize` is the largest content there will be: the window holds all of it.
  init(level: Int, frameSize: UInt64) throws(Failure) {
    guard let context = ZSTD_createCCtx() else { throw Failure(.io, "cannot make a zstd context: no memory") }
    self.context = context
    let parameters = [
      (ZSTD_c_compressionLevel, Int32(level)), (ZSTD_c_windowLog, Int32(frameSize.trailingZeroBitCount)),
      (ZSTD_c_checksumFlag, 1), (ZSTD_c_contentSizeFlag, 1),
    ]
    for (parameter, value) in parameters {
      _ = try Zstd.check(ZSTD_CCtx_setParameter(context, parameter, value), "configure zstd")
    }
  }

  deinit {
    ZSTD_freeCCtx(context)
  }

  /// The length of the frame that `content` became in `frame`, which has room for `Zstd.bound(content.count)` bytes.
  func compress(_ content: UnsafeRawBufferPointer, into frame: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    let length = try Zstd.check(
      ZSTD_compress2(context, frame.baseAddress, frame.count, content.baseAddress, content.count), "compress")
    // Another libzstd may choose another header: better no dump than one that no reader takes.
    guard FrameHeader.contentSize(Array(frame[..<length].prefix(FrameHeader.longest))) == content.count else {
      throw Failure(.io, "libzstd \(ZSTD_versionNumber()) makes a frame header that the dump format does not have")
    }
    return length
  }

  /// Bytes of memory that a context takes at most.
  static func memory(level: Int, frameSize: UInt64) -> Int {
    czstd_context_size(Int32(level), Int(frameSize))
  }
}

/// Decompresses frames, one at a time.
final class Decompressor {
  /// Bytes of memory that a context takes.
  static let memory = 160 << 10

  private let context: OpaquePointer

  init() throws(Failure) {
    guard let context = ZSTD_createDCtx() else { throw Failure(.io, "cannot make a zstd context: no memory") }
    self.context = context
  }

  deinit {
    ZSTD_freeDCtx(context)
  }

  /// Fills `content` with what `frame`, which is exactly one frame, holds; throws `.dump` unless it fits exactly and
  /// its checksum is right.
  func decompress(_ frame: UnsafeRawBufferPointer, into content: UnsafeMutableRawBufferPointer) throws(Failure) {
    let result = ZSTD_decompressDCtx(context, content.baseAddress, content.count, frame.baseAddress, frame.count)
    guard ZSTD_isError(result) == 0 else {
      throw .unsound("zstd says '\(String(cString: ZSTD_getErrorName(result)))'")
    }
    guard result == content.count else { throw .unsound("it holds \(result) bytes, not \(content.count)") }
  }

  /// The content of the zstd frame that `bytes` start with, whoever wrote it; nil when it is damaged, does not end
  /// there or holds more than `longest` bytes.
  static func firstFrame(of bytes: [UInt8], longest: Int) -> [UInt8]? {
    guard let context = ZSTD_createDCtx() else { return nil }
    defer { ZSTD_freeDCtx(context) }
    var isWhole = false
    let content = [UInt8](unsafeUninitializedCapacity: longest) { content, count in
      bytes.withUnsafeBytes { bytes in
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        var output = ZSTD_outBuffer(dst: content.baseAddress, size: longest, pos: 0)
        // Whole when nothing more is wanted; decoding ends too when input or room has run out.
        isWhole = ZSTD_decompressStream(context, &output, &input) == 0
        count = output.pos
      }
    }
    return isWhole ? content : nil
  }
}

/// Fills `room` with the first bytes of what the zstd frames that `bytes` start with hold, whoever wrote them; false where
/// they do not hold as much.
package func fill(_ room: UnsafeMutableRawBufferPointer, fromZstd bytes: UnsafeRawBufferPointer) -> Bool {
  guard let context = ZSTD_createDCtx() else { return false }
  defer { ZSTD_freeDCtx(context) }
  var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
  var output = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
  while output.pos < output.size {
    let before = (input.pos, output.pos)
    let result = ZSTD_decompressStream(context, &output, &input)
    guard ZSTD_isError(result) == 0, before != (input.pos, output.pos) else { return false }
  }
  return true
}

enum Zstd {
  static let levels = 1...19

  static func bound(_ length: Int) -> Int { ZSTD_compressBound(length) }

  fileprivate static func check(_ result: Int, _ operation: String) throws(Failure) -> Int {
    guard ZSTD_isError(result) == 0 else {
      throw Failure(.io, "cannot \(operation): \(String(cString: ZSTD_getErrorName(result)))")
    }
    return result
  }
}

func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian) { Array($0) }
}
