// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// Where the packages of definitions keep what an administrator changes, with links to it in the definition.
private let configurationFolder = "/etc/ganeti"

/// Reads a file of the definition in `folder` whose content is shown: at most its first `limit` bytes.
///
/// - Throws: also where a link leads out of the folder, to what its author may not have been allowed to read; a file
///   below /etc/ganeti that everybody may read is as good as one in the folder.
package func readDefinitionFile(_ name: String, of folder: String, limit: Int) throws(Failure) -> [UInt8] {
  let file = try Descriptor("\(folder)/\(name)", O_RDONLY | O_NONBLOCK)
  // Where the open file is: a link may be another by now.
  guard let home = realPath(folder), let place = linkTarget(file.view.path) else {
    throw .system("find", file.name)
  }
  let status = try file.status()
  guard status.isRegular else { throw Failure(.script, "\(file.name) is not a regular file") }
  let isPublic = place.hasPrefix(configurationFolder + "/") && status.st_mode & S_IROTH != 0
  guard place.hasPrefix(home + "/") || isPublic else {
    throw Failure(
      .script, "\(file.name) leads out of the definition, to \(place), whose content is not shown",
      remedy: "put a copy of the file in place of the link")
  }
  return try file.bytes(at: 0, count: min(limit, Int(clamping: status.st_size)))
}
