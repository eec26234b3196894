// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import LinuxIO
internal import Report

/// The files of a definition, read once.
struct DefinitionFiles: Sendable {
  let folder: String
  let name: String
  /// All of `ganeti_api_version`; empty where it cannot be read.
  let version: [UInt8]
  private let variantText: String?
  private let parameterText: String?
  /// Why those of the three that are there cannot be read, as where they lead out of the folder.
  let unreadable: [String]

  init(_ folder: String) {
    self.folder = folder
    name = folder.split(separator: "/").last.map { String($0) } ?? folder
    var faults: [String] = []
    func bytes(of file: String) -> [UInt8]? {
      guard examine("\(folder)/\(file)").status.isRegular else { return nil }
      do throws(Failure) {
        return try readDefinitionFile(file, of: folder, limit: 1 << 20)
      } catch {
        faults.append(error.message)
        return nil
      }
    }
    version = bytes(of: "ganeti_api_version") ?? []
    variantText = bytes(of: "variants.list").map { String(decoding: $0, as: UTF8.self) }
    parameterText = bytes(of: "parameters.list").map { String(decoding: $0, as: UTF8.self) }
    unreadable = faults
  }

  func path(_ file: String) -> String { "\(folder)/\(file)" }

  var versionLines: [String] { lines(of: String(decoding: version, as: UTF8.self)) }

  /// The versions that it declares; what is not a number is left out.
  var declared: [Int] { versionLines.compactMap(integer) }

  var highest: Int { declared.max() ?? 0 }

  var hasVariantList: Bool { variantText != nil }

  func variantLines(withComments: Bool) -> [String] {
    let all = lines(of: variantText ?? "").map(\.trimmed)
    return withComments ? all : all.filter { !$0.isEmpty && !$0.hasPrefix("#") }
  }

  var parameterLines: [String] { lines(of: parameterText ?? "") }
}

/// As int() of Python takes it.
func integer(_ line: String) -> Int? { Int(line.trimmed) }

private func lines(of text: String) -> [String] {
  var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { String($0) }
  if lines.last == "" { lines.removeLast() }
  return lines
}

extension String {
  var trimmed: String {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
