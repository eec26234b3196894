// SPDX-License-Identifier: Apache-2.0
internal import Glibc
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

  init(_ folder: String) {
    self.folder = folder
    name = folder.split(separator: "/").last.map { String($0) } ?? folder
    version = bytes(of: "\(folder)/ganeti_api_version") ?? []
    variantText = text(of: "\(folder)/variants.list")
    parameterText = text(of: "\(folder)/parameters.list")
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

private func bytes(of path: String) -> [UInt8]? {
  examine(path).status.isRegular ? try? readFile(path, limit: 1 << 20) : nil
}

private func text(of path: String) -> String? { bytes(of: path).map { String(decoding: $0, as: UTF8.self) } }

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
