// SPDX-License-Identifier: Apache-2.0
internal import Report
internal import Sources

/// What a file begins as that is said to be a raw disk, and is not one. It is refused with that, and never read as what it
/// seems to be.
struct OtherForm {
  /// `a qcow2 image`
  private let words: String
  private let way: Way

  /// How it is taken in place of a raw disk.
  private enum Way {
    /// `format` has a word for it, before that of what it is packed by.
    case format(String)
    case packed(Packing)
    /// As another form.
    case converted
    case imported
  }

  private init(_ words: String, _ way: Way) {
    (self.words, self.way) = (words, way)
  }

  private static let signatures: [(bytes: [UInt8], offset: Int, form: OtherForm)] = [
    (Array("KDMV".utf8), 0, OtherForm("a vmdk image", .format("vmdk"))),
    (Array("vhdxfile".utf8), 0, OtherForm("a vhdx image", .format("vhdx"))),
    (Array("conectix".utf8), 0, OtherForm("a vhd image", .converted)),
    ([0x7F, 0x10, 0xDA, 0xBE], 64, OtherForm("a vdi image", .converted)),
    (Array("guestsmith image ".utf8), 0, OtherForm("an image that guestsmith exported, unpacked", .format("gsi"))),
    (Array("ustar".utf8), 257, OtherForm("a tar", .format("tar"))),
  ]

  /// Nil where it may be a disk.
  ///
  /// - Parameter bytes: `StreamKind.prefixLength` of them, or all.
  init?(beginning bytes: [UInt8]) {
    let kind = StreamKind(prefix: bytes)
    if let packing = Packing(kind) {
      self.init("a stream of \(packing)", .packed(packing))
      return
    }
    switch kind {
    case .qcow2: self.init("a qcow2 image", .format("qcow2"))
    case .tar: self.init("a tar", .format("tar"))
    case .dump: self.init("a dump of guestsmith", .imported)
    case .dump8: self.init("a dump of dump(8)", .imported)
    default:
      guard let found = Self.signatures.first(where: { bytes.dropFirst($0.offset).starts(with: $0.bytes) }) else {
        return nil
      }
      self = found.form
    }
  }

  /// - Parameters:
  ///   - name: of the image.
  ///   - format: that it is said to have.
  func failure(_ name: String, _ format: ImageFormat) -> Failure {
    Failure(
      .dump, "\(name) is not a raw disk: it begins as \(words)\(format.packing == nil ? "" : " when it is unpacked")",
      remedy: remedy(format))
  }

  private func remedy(_ format: ImageFormat) -> String {
    switch way {
    case .format("gsi"): "set format to gsi, and name the file as image export wrote it"
    case .format(let word): "set format to \(word)" + (format.ending.map { ".\($0)" } ?? "")
    case .packed where format.packing != nil: "it is packed twice: unpack it once before"
    case .packed(let packing):
      if let ending = ImageFormat.ending(of: packing) {
        "set format to raw.\(ending), qcow2.\(ending) or the like, by what is in it"
          + (packing == .zstd ? ", or to gsi for an image that guestsmith exported" : "")
      } else {
        "unpack it before"
      }
    case .converted: "make it a qcow2 image with qemu-img convert -O qcow2"
    case .imported: "import it as a backup"
    }
  }
}
