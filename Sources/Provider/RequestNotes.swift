// SPDX-License-Identifier: Apache-2.0
internal import Interface
internal import Report

extension Request {
  /// What the host asks for, line by line, for a host that wants to be told more. Of parameters there are the names only:
  /// values may be secret.
  var notes: [String] {
    let parameters = os.parameters.keys.sorted().joined(separator: ", ")
    let first = [
      "\(script.rawValue) \(instance)\(uuid.map { " (\($0))" } ?? "")\(isReinstall ? " anew" : "")",
      oldName.map { "called \($0) before" },
      "of \(os.fullName) in \(os.definition)",
      hypervisor.map { "for \($0)" },
    ]
    return [first.compactMap { $0 }.joined(separator: ", "), "parameters: \(parameters.isEmpty ? "none" : parameters)"]
      + disks.map(\.note) + nics.map(\.note)
  }
}

extension RequestedDisk {
  fileprivate var note: String {
    let kind: String? =
      switch backend {
      case .block: "block device"
      case .file(let driver): "file by \(driver)"
      case nil: nil
      }
    let parts = [path ?? uri.map { "only \($0)" }, access.rawValue, size.map(Words.bytes), kind]
    return "disk \(index): \(parts.compactMap { $0 }.joined(separator: ", "))"
  }
}

extension RequestedNIC {
  fileprivate var note: String {
    let place = network?.name.map { "network \($0)" }
    let parts = [mac, ip, mode, link, place, network?.subnet.map { "\($0.address)/\($0.prefix)" }]
    return "interface \(index): \(parts.compactMap { $0 }.joined(separator: ", "))"
  }
}
