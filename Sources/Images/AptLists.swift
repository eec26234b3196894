// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO

/// What apt knows of the archives whose lists it has fetched. It is asked when the first question comes.
package final class AptLists {
  /// A suite of an archive, as its Release file has it.
  struct Suite: Equatable {
    /// With a slash at its end, and with the login that may be in it.
    var uri: String
    /// The name that the source has it by.
    var written: String
    /// Such as `stable`; empty where the archive does not say.
    var name: String
    /// Such as `bookworm`; empty where the archive does not say.
    var codename: String
  }

  private let environment: [String: String]
  private lazy var suites = ask()

  /// - Parameter environment: with the `APT_CONFIG` that names the lists.
  init(environment: [String: String]) {
    self.environment = environment
  }

  convenience init(_ configuration: AptConfiguration) {
    self.init(environment: configuration.environment)
  }

  /// What `written` is at `uri`; nil where apt has not fetched its list.
  func suite(_ written: String, at uri: String) -> Suite? {
    let base = uri.hasSuffix("/") ? uri : uri + "/"
    return suites.first { $0.uri == base && $0.written == written }
  }

  private func ask() -> [Suite] {
    let fields = ["REPO_URI", "RELEASE", "SUITE", "CODENAME"].map { "$(\($0))" }
    var command = Command(
      "apt-get", ["indextargets", "--format", fields.joined(separator: "\t"), "Created-By: Packages"])
    command.environment = environment
    guard let (_, output) = try? command.capture(limit: 8 << 20) else { return [] }
    return String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { line in
      // What an archive does not say is left as it was asked for.
      let values = line.split(separator: "\t", omittingEmptySubsequences: false).map {
        $0.hasPrefix("$(") ? "" : String($0)
      }
      guard values.count == fields.count else { return nil }
      return Suite(uri: values[0], written: values[1], name: values[2], codename: values[3])
    }
  }
}
