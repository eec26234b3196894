// SPDX-License-Identifier: Apache-2.0
internal import Interface

extension RequestedDisk.Role {
  /// As a key says it: `swap`, `seed`, `none`, `data:/srv`. Nil where the text is not one of them.
  init?(configured text: String) {
    switch text {
    case "swap": self = .swap
    case "seed": self = .seed
    case "none": self = .untouched
    default:
      let mountPoint = String(text.dropFirst("data:".count))
      guard text.hasPrefix("data:"), Rules.isMountPoint(mountPoint) else { return nil }
      self = .data(mountPoint: mountPoint)
    }
  }

  var text: String {
    switch self {
    case .root: "root"
    case .swap: "swap"
    case .seed: "seed"
    case .untouched: "none"
    case .data(let mountPoint): "data:\(mountPoint)"
    }
  }
}
