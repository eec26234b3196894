// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report

/// Of the variants of a definition the one that is called as the release of this machine, such as `debian-12`; else the first.
///
/// - Parameter root: the folder that stands for `/`.
package func preferredVariant(of variants: [String], root: String = "") -> String? {
  let release = OSRelease(OSRelease.paths.lazy.compactMap { fileText(root + $0) }.first ?? "")
  let own = "\(release["ID"] ?? "")-\(release["VERSION_ID"] ?? "")"
  return variants.contains(own) ? own : variants.first
}
