// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Report

// The command as a line for a shell, for whoever wants to run by hand what failed.

extension Command {
  /// Shows the line where the caller has asked for it.
  func showIfDebugging() {
    if Debugging.isOn, name == nil { Debugging.show(line) }
  }

  /// One line for bash that does the same, as far as a line can: with the environment and the folder, and what the
  /// descriptors are open on. What it cannot say, such as a pipe, stands in a comment.
  ///
  /// Parameters of an OS may be secret: their values are left out, as are logins in a URI.
  var line: String {
    var words: [String] = []
    if let environment {
      words = ["env", "-i"] + environment.sorted { $0.key < $1.key }.map(Self.assignment)
    }
    words += ([executable] + arguments).map { Self.word($0) }
    var comments: [String] = []
    let openOnes = inputs + extras.sorted { $0.number < $1.number }
    for (number, descriptor) in openOnes {
      guard let target = Self.target(of: descriptor) else { continue }
      // <> neither makes nor empties a file.
      let isRead = fcntl(descriptor.raw, F_GETFL) & O_ACCMODE == O_RDONLY
      if target.hasPrefix("/"), !target.hasSuffix(" (deleted)"), !target.hasPrefix("/memfd:") {
        words.append((number == 0 ? "" : "\(number)") + (isRead ? "<" : "<>") + target.shellWord)
      } else {
        comments.append("descriptor \(number) is \(target)")
      }
    }
    var setting: [String] = []
    if let workingDirectory { setting.append("cd \(Self.word(workingDirectory))") }
    if let creationMask { setting.append("umask 0" + String(creationMask, radix: 8)) }
    if isIsolated { comments.append("with processes and mounts of its own") }
    if rights != nil { comments.append("with fewer rights") }
    let call = words.joined(separator: " ")
    let whole = setting.isEmpty ? call : "(\(setting.joined(separator: " && ")) && \(call))"
    return comments.isEmpty ? whole : "\(whole)  # \(comments.joined(separator: "; "))"
  }

  private var inputs: [(number: Int32, descriptor: DescriptorView)] {
    if case .descriptor(let view) = input { [(0, view)] } else { [] }
  }

  private static func assignment(_ name: String, _ value: String) -> String {
    word("\(name)=\(name.hasPrefix("OSP_") ? "(hidden)" : value)")
  }

  private static func word(_ text: String) -> String { ByteString(argument: withoutLogin(text)).shellWord }

  /// `text` with `name:password` of each `scheme://name:password@host` hidden.
  private static func withoutLogin(_ text: String) -> String {
    var parts = text.components(separatedBy: "://")
    for index in parts.indices.dropFirst() {
      let authority = parts[index].prefix { !"/ ;,'\"\n".contains($0) }
      guard let at = authority.lastIndex(of: "@") else { continue }
      parts[index] = "(hidden)" + parts[index][at...]
    }
    return parts.joined(separator: "://")
  }

  /// What an open descriptor is open on, as the kernel says it.
  private static func target(of descriptor: DescriptorView) -> ByteString? {
    linkTarget(descriptor.path).map { ByteString(argument: $0) }
  }
}

extension String {
  fileprivate func components(separatedBy separator: String) -> [String] {
    split(separator: separator, omittingEmptySubsequences: false).map(String.init)
  }
}
