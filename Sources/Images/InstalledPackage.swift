// SPDX-License-Identifier: Apache-2.0

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

  /// The installed packages of dpkg's status file, by name.
  package static func parse(dpkgStatus bytes: [UInt8]) -> [InstalledPackage] {
    let newline = UInt8(ascii: "\n")
    var packages: [InstalledPackage] = []
    var fields: [String: String] = [:]
    func finish() {
      if let name = fields["Package"], let version = fields["Version"],
        fields["Status"]?.hasSuffix(" installed") == true
      {
        packages.append(
          InstalledPackage(name: name, version: version, architecture: fields["Architecture"] ?? ""))
      }
      fields = [:]
    }
    for line in bytes.split(separator: newline, omittingEmptySubsequences: false) {
      if line.isEmpty {
        finish()
      } else if line.first != UInt8(ascii: " "), let colon = line.firstIndex(of: UInt8(ascii: ":")) {
        let name = String(decoding: line[..<colon], as: UTF8.self)
        guard ["Package", "Version", "Status", "Architecture"].contains(name) else { continue }
        fields[name] = String(decoding: line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
      }
    }
    finish()
    return packages.sorted { ($0.name, $0.architecture) < ($1.name, $1.architecture) }
  }
}
