// SPDX-License-Identifier: Apache-2.0
internal import Report

/// Looks for a file in a filesystem other than ext, whose files can't be read otherwise without the kernel.
package enum FileSearch {
  /// - Parameters:
  ///   - path: without links in it.
  ///   - type: as blkid(8) names it.
  ///   - size: of what the filesystem is in, in bytes.
  ///   - read: reads bytes of the filesystem; fewer at its end.
  /// - Returns: nil where that is not known: for another type, and for what was not unmounted.
  package static func has(
    _ path: String, in type: String, size: UInt64, _ read: @escaping UsedSpace.Reading
  ) -> Bool? {
    let source = FilesystemBytes(size: size, read)
    let names = path.split(separator: "/").map(String.init)
    do throws(Unsound) {
      switch type {
      case "xfs": return try XFSFiles(source).has(names)
      case "btrfs": return try BtrfsSpace(source).has(names)
      default: return nil
      }
    } catch {
      return nil
    }
  }
}
