// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO

/// Of the variants of a definition the one that is called as the release of this machine, such as `debian-12`; else the first.
///
/// - Parameter root: the folder that stands for `/`.
package func preferredVariant(of variants: [String], root: String = "") -> String? {
  let texts = ["etc", "usr/lib"].lazy.compactMap { fileText("\(root)/\($0)/os-release") }
  var values: [Substring: String] = [:]
  for line in (texts.first ?? "").split(separator: "\n") {
    guard let equals = line.firstIndex(of: "=") else { continue }
    values[line[..<equals]] = line[line.index(after: equals)...].filter { $0 != "\"" && $0 != "'" }
  }
  let own = "\(values["ID"] ?? "")-\(values["VERSION_ID"] ?? "")"
  return variants.contains(own) ? own : variants.first
}
