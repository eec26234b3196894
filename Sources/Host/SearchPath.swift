// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// The folders in which OS definitions are looked for; the first match wins.
package struct SearchPath: Sendable, Equatable {
  /// Absolute, each one once.
  package let folders: [String]

  /// Where Ganeti 3.0 looks.
  package static let standard = SearchPath([
    "/srv/ganeti/os", "/usr/local/lib/ganeti/os", "/usr/lib/ganeti/os", "/usr/share/ganeti/os",
  ])

  /// Each text is one folder or several with colons between them.
  package init(_ texts: [String]) {
    var folders: [String] = []
    for text in texts.flatMap({ $0.split(separator: ":") }) {
      var folder = absolute(String(text))
      while folder.count > 1 && folder.hasSuffix("/") { folder.removeLast() }
      // A folder that is named twice would hide its own definitions.
      if !folders.contains(folder) { folders.append(folder) }
    }
    self.folders = folders
  }
}

/// What is in the folders of a search path.
package struct Inventory: Sendable {
  /// All OS definitions, in the order of the search path and sorted in each folder.
  package var definitions: [OSDefinition] = []
  /// Folders that could not be read, in words.
  package var unreadable: [String] = []
}

extension SearchPath {
  /// Judges everything in the folders. A folder that is missing is left out.
  package func inventory() -> Inventory {
    var inventory = Inventory()
    for folder in folders {
      let (names, error) = visibleEntries(of: folder)
      if error != 0 && error != ENOENT {
        inventory.unreadable.append("cannot read the folder \(folder): \(String(cString: strerror(error)))")
      }
      for name in names {
        // ext filesystems have it at their root; it is not a definition.
        if name == "lost+found" { continue }
        inventory.definitions.append(OSDefinition(judging: name, in: folder))
      }
    }
    return inventory
  }

  /// The folder of the definition that `name` means, valid or not.
  ///
  /// - Throws: `.invalid` for what is not a name, `.script` when there is none.
  package func folder(of name: String) throws(Failure) -> String {
    guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/") else {
      throw Failure(
        .invalid, "\(name.quoted) is not a name of an OS definition",
        remedy: "use one of the names that guestsmith os list shows")
    }
    guard let folder = folders.first(where: { isFolder("\($0)/\(name)") }) else {
      throw Failure(
        .script, "OS dir not found in search path: there is no \(name.quoted) in \(folders.joined(separator: ":"))",
        remedy: "see guestsmith os list for what there is, and --search-path for where else to look")
    }
    return "\(folder)/\(name)"
  }

  /// The definition that `name` means.
  ///
  /// - Throws: `.invalid` for what is not a name, `.script` when there is none or when it is not valid.
  package func definition(named name: String) throws(Failure) -> OSDefinition {
    let definition = OSDefinition(judging: name, in: splitPath(try folder(of: name)).folder)
    if case .invalid(let fault) = definition.judgement {
      throw Failure(
        .script, "the OS definition \(definition.path) is not valid: \(fault)",
        remedy: "correct it until guestsmith os diagnose calls it valid")
    }
    return definition
  }
}
