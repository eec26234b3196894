// SPDX-License-Identifier: Apache-2.0

/// What a file is, by the type in its mode (inode(7)).
package enum FileKind: Sendable, Equatable {
  case file, directory, symbolicLink, characterDevice, blockDevice, pipe, socket

  /// Of `st_mode`, whose other bits do not count; nil for what is not one of them.
  package init?(mode: some BinaryInteger) {
    switch mode & 0o170000 {
    case 0o100000: self = .file
    case 0o040000: self = .directory
    case 0o120000: self = .symbolicLink
    case 0o020000: self = .characterDevice
    case 0o060000: self = .blockDevice
    case 0o010000: self = .pipe
    case 0o140000: self = .socket
    default: return nil
    }
  }

  /// The bits of `st_mode` that say so.
  package var mode: UInt16 {
    switch self {
    case .file: 0o100000
    case .directory: 0o040000
    case .symbolicLink: 0o120000
    case .characterDevice: 0o020000
    case .blockDevice: 0o060000
    case .pipe: 0o010000
    case .socket: 0o140000
    }
  }

  package var isDevice: Bool { self == .characterDevice || self == .blockDevice }
}
