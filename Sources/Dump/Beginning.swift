// SPDX-License-Identifier: Apache-2.0

extension Manifest {
  /// Whether a stream that starts with these bytes starts as a dump does, compressed or plain: with a manifest, and in
  /// its first frame nothing else. How the frame is written does not matter: the reader of dumps shall see one that is
  /// damaged, where zstd itself would take it.
  package static func begins(_ bytes: [UInt8]) -> Bool {
    guard bytes.starts(with: littleEndian(FrameHeader.magic)) else {
      return TarHeader.begins(bytes) && bytes.starts(with: "\(Layout.manifestName)\0".utf8)
    }
    let longest = TarHeader.blockSize + Manifest.longestText
    guard let content = Decompressor.firstFrame(of: bytes, longest: longest) else { return false }
    guard let length = Layout.manifestLength(firstBlock: content) else { return false }
    return content.count == TarHeader.blockSize + length + Int(TarHeader.padding(after: UInt64(length)))
  }
}
