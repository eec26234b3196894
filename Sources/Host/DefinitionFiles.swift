// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Interface
internal import LinuxIO
internal import Report

/// The files of a definition, read once.
package struct DefinitionFiles: Sendable {
  package let folder: String
  package let name: String
  /// All of `ganeti_api_version`; empty where it cannot be read.
  package let version: [UInt8]
  private let variantText: String?
  private let parameterText: String?
  /// Why those of the three that are there cannot be read, by their names: such as that they lead out of the folder.
  package let unreadable: [String: String]

  package init(_ folder: String) {
    self.folder = folder
    name = folder.split(separator: "/").last.map { String($0) } ?? folder
    var faults: [String: String] = [:]
    func bytes(of file: String) -> [UInt8]? {
      guard examine("\(folder)/\(file)").status.isRegular else { return nil }
      do throws(Failure) {
        return try readDefinitionFile(file, of: folder, limit: 1 << 20)
      } catch {
        faults[file] = error.message
        return nil
      }
    }
    version = bytes(of: DefinitionFile.version) ?? []
    variantText = bytes(of: DefinitionFile.variants).map { String(decoding: $0, as: UTF8.self) }
    parameterText = bytes(of: DefinitionFile.parameters).map { String(decoding: $0, as: UTF8.self) }
    unreadable = faults
  }

  package func path(_ file: String) -> String { "\(folder)/\(file)" }

  package var versionLines: [String] { lines(of: String(decoding: version, as: UTF8.self)) }

  /// The versions that it declares; what is not a number is left out.
  package var declared: [Int] { versionLines.compactMap(integer) }

  package var highest: Int { declared.max() ?? 0 }

  package var hasVariantList: Bool { variantText != nil }

  package func variantLines(withComments: Bool) -> [String] {
    let all = lines(of: variantText ?? "").map(\.trimmed)
    return withComments ? all : all.filter { !$0.isEmpty && !$0.hasPrefix("#") }
  }

  package var parameterLines: [String] { lines(of: parameterText ?? "") }
}

/// As int() of Python takes it.
package func integer(_ line: String) -> Int? { Int(line.trimmed) }

private func lines(of text: String) -> [String] {
  var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { String($0) }
  if lines.last == "" { lines.removeLast() }
  return lines
}

extension String {
  /// Without the white space at both ends.
  package var trimmed: String {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
