// SPDX-License-Identifier: Apache-2.0
internal import Glibc
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
/// locks/NAME                                       who works on either
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

  func instanceFolder(_ name: InstanceName) -> String { "\(instances)/\(Self.key(name))" }
  func exportFolder(_ name: InstanceName) -> String { "\(exports)/\(Self.key(name))" }

  func has(_ name: InstanceName) -> Bool { examine(instanceFolder(name), itself: true).error == 0 }

  /// Makes the folders that are missing: for root only, since guests have secrets.
  func make() throws(Failure) {
    do throws(Failure) {
      for path in [instances, exports, locks] { try makeFolders(path, mode: 0o700) }
    } catch {
      throw Failure(error.code, error.message, remedy: "choose a folder that you may write: --state DIR")
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
  package func instance(_ name: InstanceName) throws(Failure) -> Instance {
    guard has(name) else {
      throw Failure(
        .invalid, "there is no instance \(name) in \(folder)", remedy: "see guestsmith instance list for what there is")
    }
    let instance = try Instance(describedIn: instanceFolder(name))
    guard instance.name == name else { throw misnamed(Self.key(name), instance) }
    return instance
  }
}

/// An instance as a list shows it.
package struct ListedInstance: Sendable {
  package let name: String
  /// Nil where the description cannot be read.
  package let instance: Instance?
  /// What is wrong, and what to do; nil where it can be used.
  package let fault: Failure?

  package init(name: String, instance: Instance?, fault: Failure?) {
    self.name = name
    self.instance = instance
    self.fault = fault
  }
}

extension State {
  /// All instances by their names.
  package func list() throws(Failure) -> [ListedInstance] {
    let (names, error) = visibleEntries(of: instances)
    guard error == 0 || error == ENOENT else { throw .system("list", instances, errno: error) }
    var listed: [ListedInstance] = []
    var renamed: [ListedInstance] = []
    for key in names {
      let path = "\(instances)/\(key)"
      do throws(Failure) {
        let instance = try Instance(describedIn: path)
        let found = ListedInstance(name: instance.name.text, instance: instance, fault: instance.unusable(in: self))
        if Self.key(instance.name) == key {
          listed.append(found)
        } else if examine("\(instances)/\(Self.draft(ofInstance: key))", itself: true).error == 0 {
          // While one is being renamed there is a moment with the new name in the old folder.
          renamed.append(found)
        } else {
          throw misnamed(key, instance)
        }
      } catch {
        // Gone since the folder was listed.
        if examine(path).error == ENOENT { continue }
        listed.append(ListedInstance(name: key, instance: nil, fault: error))
      }
    }
    listed += renamed.filter { one in !listed.contains { $0.instance?.uuid == one.instance?.uuid } }
    return listed.sorted { $0.name < $1.name }
  }

  private func misnamed(_ key: String, _ instance: Instance) -> Failure {
    Failure(
      .invalid, "\(instances)/\(key)/\(Instance.descriptionFile) describes \(instance.name), not \(key)",
      remedy: "correct its name, or that of its folder")
  }
}

extension Instance {
  /// Why nothing can be done with it; nil where all is well.
  package func unusable(in state: State) -> Failure? {
    if let unfinished {
      return Failure(
        .device, "\(unfinished) of \(name) was cut short while it changed a disk that is adopted",
        remedy: "install it anew with guestsmith instance reinstall \(name), or remove it")
    }
    for index in disks.indices {
      if let fault = diskFault(index) { return fault }
    }
    return nil
  }

  /// What is wrong with the file or device of a disk.
  func diskFault(_ index: Int) -> Failure? {
    let disk = disks[index]
    let (status, error) = examine(disk.path, itself: !disk.isAdopted)
    let what = "disk \(index) of \(name), \(disk.path),"
    let remedy = "put it back, or remove the instance with guestsmith instance remove \(name)"
    guard error == 0 else {
      return Failure(.device, "\(what) cannot be used: \(String(cString: strerror(error)))", remedy: remedy)
    }
    guard status.isRegular || (disk.isAdopted && status.isBlockDevice) else {
      return Failure(
        .device, "\(what) is not \(disk.isAdopted ? "a file or a block device" : "a file")", remedy: remedy)
    }
    if status.isRegular, UInt64(status.st_size) != disk.size {
      return Failure(.device, "\(what) has \(status.st_size) bytes instead of \(disk.size)", remedy: remedy)
    }
    return nil
  }
}
