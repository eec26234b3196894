// SPDX-License-Identifier: Apache-2.0
package import Report

/// A package that is in an image.
package struct InstalledPackage: Equatable, Sendable {
  package var name: String
  package var version: String
  package var architecture: String

  package init(name: String, version: String, architecture: String) {
    self.name = name
    self.version = version
    self.architecture = architecture
  }

  /// Of an image, and in bytes of all that is told of them.
  static let (most, longest) = (100_000, 4 << 20)

  /// The installed packages of dpkg's status file, by name.
  ///
  /// - Throws: `.guest` where they are more than the archive of any distribution has.
  package static func parse(dpkgStatus bytes: [UInt8]) throws(Failure) -> [InstalledPackage] {
    let newline = UInt8(ascii: "\n")
    var packages: [InstalledPackage] = []
    var length = 0
    var fields: [String: String] = [:]
    func finish() throws(Failure) {
      guard !fields.isEmpty else { return }
      if let name = fields["Package"], let version = fields["Version"],
        fields["Status"]?.hasSuffix(" installed") == true
      {
        let package = InstalledPackage(name: name, version: version, architecture: fields["Architecture"] ?? "")
        length += package.length
        guard packages.count < most, length <= longest else {
          throw Failure(
            .guest,
            "/var/lib/dpkg/status of the image lists more than \(most) packages, or \(longest >> 20) MiB of them",
            remedy: "name an image of one system")
        }
        packages.append(package)
      }
      fields = [:]
    }
    // Line by line: a list of the lines takes far more memory than the file.
    var rest = bytes[...]
    while !rest.isEmpty {
      let line = rest.prefix { $0 != newline }
      rest = rest[line.endIndex...].dropFirst()
      if line.isEmpty {
        try finish()
      } else if line.first != UInt8(ascii: " "), let colon = line.firstIndex(of: UInt8(ascii: ":")) {
        let name = String(decoding: line[..<colon], as: UTF8.self)
        guard ["Package", "Version", "Status", "Architecture"].contains(name) else { continue }
        fields[name] = String(decoding: line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
      }
    }
    try finish()
    return packages.sorted { ($0.name, $0.architecture) < ($1.name, $1.architecture) }
  }

  /// In bytes.
  private var length: Int { name.utf8.count + version.utf8.count + architecture.utf8.count }
}
