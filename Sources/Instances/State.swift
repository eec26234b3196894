// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
package import Interface
internal import LinuxIO
package import Report

/// The folder in which the instances of this machine and their exports are kept.
///
/// ```
/// instances/NAME/instance.ini, disk0, disk1, …     an instance
/// instances/.NAME.new/                             a change of it that is under way, or what it has replaced
/// exports/NAME/config.ini, disk0.dump, …           an export, as Ganeti has it
/// exports/NAME.new/                                one that is under way, or that was replaced
/// locks/NAME, locks/.exp-NAME                      who works on an instance, and on an export
/// ```
///
/// An instance and an export change by one rename(2). So what has `new` in its name is never needed: whoever meets it
/// unlocked removes it.
package struct State: Sendable {
  /// Absolute.
  package let folder: String

  package static let standardFolder = "/var/lib/guestsmith"

  package init(_ folder: String = standardFolder) {
    var path = absolute(folder)
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    self.folder = path
  }

  var instances: String { "\(folder)/instances" }
  package var exports: String { "\(folder)/exports" }
  var locks: String { "\(folder)/locks" }

  /// The name of an instance's folder: host names are the same whatever the case of their letters.
  static func key(_ name: InstanceName) -> String { name.text.lowercased() }

  static func draft(ofInstance key: String) -> String { ".\(key).new" }
  static func draft(ofExport key: String) -> String { "\(key).new" }

  /// As long as what a draft adds, so that the longest name has room for both.
  private static let exportLockPrefix = ".exp-"

  /// What an export is locked by: its instance may run while it is read or removed.
  static func lock(ofExport key: String) -> String { "\(exportLockPrefix)\(key)" }

  /// What has a lock, in words.
  static func words(forLock key: String) -> String {
    let isOfExport = key.hasPrefix(exportLockPrefix)
    return Words.printable(isOfExport ? "the export of \(key.dropFirst(exportLockPrefix.count))" : key)
  }

  func instanceFolder(_ name: InstanceName) -> String { "\(instances)/\(Self.key(name))" }
  func exportFolder(_ name: InstanceName) -> String { "\(exports)/\(Self.key(name))" }

  func has(_ name: InstanceName) -> Bool { examine(instanceFolder(name), itself: true).error == 0 }

  /// Makes the folders that are missing: for root only, since guests have secrets.
  func make() throws(Failure) {
    do throws(Failure) {
      let state = try Folder.own(folder, mode: 0o700)
      for name in ["instances", "exports", "locks"] { _ = try state.own(name, mode: 0o700) }
    } catch {
      throw Failure(
        error.code, error.message, remedy: error.remedy ?? "choose a folder that you may write: --state DIR")
    }
  }

  /// That no instance of that name is there, and that one may be.
  func checkFree(_ name: InstanceName) throws(Failure) {
    guard !Self.key(name).hasSuffix(".new") else {
      throw Failure(
        .invalid, "\(name.text.quoted) cannot be the name of an instance: Ganeti calls an export of another one so",
        remedy: "use a name that does not end in .new")
    }
    guard !has(name) else {
      throw Failure(
        .invalid, "there is an instance \(name) already",
        remedy: "choose another name, or remove it: guestsmith instance remove \(name)")
    }
  }

  /// The description of an instance.
  package func instance(_ name: InstanceName) throws(Failure) -> KeptInstance {
    guard has(name) else {
      throw Failure(
        .invalid, "there is no instance \(name) in \(folder)",
        remedy: "see guestsmith instance list for what there is")
    }
    let instance = try KeptInstance(describedIn: instanceFolder(name))
    guard instance.name == name else { throw misnamed(Self.key(name), instance) }
    return instance
  }
}

/// An instance as a list shows it.
package struct ListedInstance: Sendable {
  package let name: String
  /// Nil where the description cannot be read.
  package let instance: KeptInstance?
  /// What is wrong, and what to do; nil where it can be used.
  package let fault: Failure?

  package init(name: String, instance: KeptInstance?, fault: Failure?) {
    self.name = name
    self.instance = instance
    self.fault = fault
  }
}

extension State {
  /// All instances by their names.
  package func list() throws(Failure) -> [ListedInstance] {
    try steadily(instances) { key, path in
      do throws(Failure) {
        let instance = try KeptInstance(describedIn: path)
        // While one is being renamed there is a moment with the new name in the old folder.
        let draft = "\(instances)/\(Self.draft(ofInstance: key))"
        guard Self.key(instance.name) == key || examine(draft, itself: true).error == 0 else {
          throw misnamed(key, instance)
        }
        return ListedInstance(name: instance.name.text, instance: instance, fault: instance.unusable(in: self))
      } catch {
        return ListedInstance(name: key, instance: nil, fault: error)
      }
    }
  }

  /// What `look` makes of each folder in `parent`, none of which was exchanged, renamed or removed meanwhile; where they
  /// never come to rest, of those that are there.
  func steadily<T>(_ parent: String, _ look: (_ key: String, _ path: String) -> T) throws(Failure) -> [T] {
    let attempts = 50
    for attempt in 1...attempts {
      let (names, error) = visibleEntries(of: parent)
      guard error == 0 || error == ENOENT else { throw .system("list", parent, errno: error) }
      var found: [T] = []
      for name in names {
        let path = "\(parent)/\(name)"
        let before = examine(path, itself: true)
        let one = look(name, path)
        let after = examine(path, itself: true)
        let isSteady =
          before.error == 0 && after.error == 0 && before.status.st_ino == after.status.st_ino
          && before.status.st_ctim.tv_sec == after.status.st_ctim.tv_sec
          && before.status.st_ctim.tv_nsec == after.status.st_ctim.tv_nsec
        if isSteady || (attempt == attempts && after.error == 0) {
          found.append(one)
        } else if attempt < attempts {
          break
        }
      }
      if found.count == names.count || attempt == attempts { return found }
    }
    return []
  }

  private func misnamed(_ key: String, _ instance: KeptInstance) -> Failure {
    Failure(
      .invalid, "\(instances)/\(key)/\(KeptInstance.descriptionFile) describes \(instance.name), not \(key)",
      remedy: "correct its name, or that of its folder")
  }
}

extension KeptInstance {
  /// Why nothing can be done with it; nil where all is well.
  package func unusable(in state: State) -> Failure? {
    if let unfinished {
      return Failure(
        .device, "\(unfinished) of \(told.name) was cut short while it changed a disk that is adopted",
        remedy: "install it anew with guestsmith instance reinstall \(told.name), or remove it")
    }
    for index in told.disks.indices {
      if let fault = diskFault(index) { return fault }
    }
    return nil
  }

  /// What is wrong with the file or device of a disk.
  func diskFault(_ index: Int) -> Failure? {
    let (disk, isAdopted) = (told.disks[index], adopted.contains(index))
    let (status, error) = examine(disk.path, itself: !isAdopted)
    let what = "disk \(index) of \(told.name), \(disk.path),"
    let remedy = "put it back, or remove the instance with guestsmith instance remove \(told.name)"
    guard error == 0 else {
      return Failure(.device, "\(what) cannot be used: \(String(cString: strerror(error)))", remedy: remedy)
    }
    guard status.isRegular || (isAdopted && status.isBlockDevice) else {
      return Failure(
        .device, "\(what) is not \(isAdopted ? "a file or a block device" : "a file")", remedy: remedy)
    }
    if status.isRegular, UInt64(status.st_size) != disk.size {
      return Failure(.device, "\(what) has \(status.st_size) bytes instead of \(disk.size)", remedy: remedy)
    }
    return nil
  }
}
