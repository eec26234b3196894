// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import Guest
internal import Inspection
internal import LinuxIO
internal import Report

extension SiteFiles {
  /// The same for a guest that is told by a seed who it is.
  ///
  /// - Throws: `.invalid` for what no seed carries.
  func ofSeed() throws(Failure) -> SeedSite {
    var entries: [SeedSite.Entry] = []
    var offset: UInt64 = 0
    for file in kept.files {
      let attributes = file.file.attributes
      let kind: SeedSite.Entry.Kind
      switch (attributes.kind, file.first) {
      case (_, let first?): kind = .name(of: kept.files[first].path)
      case (.directory, _): kind = .folder
      case (.symbolicLink, _): kind = .link(to: file.file.target ?? "")
      default: kind = .file(try kept.spool.bytes(at: offset, count: Int(file.bytes)))
      }
      offset += file.bytes
      let entry = SeedSite.Entry(
        file.path, kind, mode: attributes.permissions, uid: attributes.uid, gid: attributes.gid,
        seconds: attributes.seconds)
      if let fault = entry.fault { throw Self.failure(file.path, fault, remedy: "give it another name") }
      if let attribute = file.extendedAttributes.first {
        throw Self.failure(
          file.path, "has the extended attribute \(attribute.name)",
          remedy: "remove it (setfattr -x), and have a script of first_boot set it in the guest")
      }
      entries.append(entry)
    }
    // The script in the guest goes by words alone.
    let named = templates.filter(\.hasWholeName).map { TemplateRecord.Entry($0.path, digest: $0.digest) }
    return SeedSite(entries, runsScripts: runsScripts, templates: TemplateRecord(named))
  }

  private static func failure(_ path: ByteString, _ words: String, remedy: String) -> Failure {
    Failure(.invalid, "\(path.quoted) of files \(words), and a seed for cloud-init does not carry that", remedy: remedy)
  }
}
