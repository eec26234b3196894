// SPDX-License-Identifier: Apache-2.0
internal import Host
internal import Interface
internal import Report

// The description of an instance: `instance.ini` in its folder.

extension KeptInstance {
  static let descriptionFile = "instance.ini"

  /// Disks that are not adopted have their path from the folder that the description is in. What is secret is not in it.
  var description: INI {
    var file = INI(file: Self.descriptionFile)
    var head = INI.Section(name: "instance")
    head.set("version", "1")
    head.set("name", told.name.text)
    head.set("os", told.os)
    head.set("variant", told.variant)
    head.set("uuid", told.uuid)
    head.set("serial", "\(serial)")
    head.set("created", "\(told.created)")
    head.set("modified", "\(told.modified)")
    head.set("hypervisor", told.hypervisor)
    head.set("unfinished", unfinished)
    file.sections.append(head)
    file.append("backend", told.backend)
    file.append("hypervisor", told.hypervisorParameters)
    file.append("parameters", told.parameters.filter { $0.value.visibility == .public }.mapValues(\.value))
    file.append("private parameters", told.parameters.filter { $0.value.visibility == .private }.mapValues(\.value))
    for (index, disk) in told.disks.enumerated() {
      var section = INI.Section(name: "disk \(index)")
      section.set("size", "\(disk.size)")
      section.set("uuid", disk.uuid)
      section.set("access", disk.access.rawValue)
      section.set("name", disk.name)
      section.set("adopted", adopted.contains(index) ? disk.path : nil)
      file.sections.append(section)
    }
    for (index, nic) in told.nics.enumerated() {
      var section = INI.Section(name: "nic \(index)")
      section.set("mac", nic.mac)
      section.set("uuid", nic.uuid)
      section.set("ip", nic.ip)
      section.set("mode", nic.mode)
      section.set("link", nic.link)
      section.set("network", nic.network?.name)
      section.set("network uuid", nic.network?.uuid)
      section.set("name", nic.name)
      file.sections.append(section)
    }
    return file
  }

  /// Reads the description in `folder`.
  ///
  /// - Throws: `.invalid` with the file, the line and what to do, for whatever is not as it is written.
  init(describedIn folder: String) throws(Failure) {
    let path = "\(folder)/\(Self.descriptionFile)"
    do throws(Failure) {
      var reader = DescriptionReader(try INI(reading: path))
      self = try reader.instance(in: folder)
      try reader.finish()
    } catch {
      throw Failure(
        error.code, error.message,
        remedy: "correct \(path) with an editor, or remove the instance; nothing else was changed")
    }
  }
}

extension INI {
  fileprivate mutating func append(_ name: String, _ values: [String: String]) {
    guard !values.isEmpty else { return }
    var section = Section(name: name)
    for (name, value) in values.sorted(by: { $0.key < $1.key }) { section.set(name, value) }
    sections.append(section)
  }
}

/// Takes one value after the other out of a description; what is left over is a fault.
private struct DescriptionReader {
  private let file: INI
  private var left: [INI.Section]

  init(_ file: INI) {
    self.file = file
    left = file.sections
  }

  mutating func instance(in folder: String) throws(Failure) -> KeptInstance {
    let head = "instance"
    guard let version = try optional(head, "version") else {
      throw Failure(.invalid, "\(file.file): there is no version in [instance], so it describes no instance")
    }
    guard version == "1" else {
      throw fault(head, "version", "\(version.quoted) is not the version 1 that is known here")
    }
    let nameText = try required(head, "name")
    let name: InstanceName
    do throws(Failure) { name = try InstanceName(nameText) } catch { throw fault(head, "name", error.message) }
    var instance = KeptInstance(
      Instance(
        name: name, os: try required(head, "os"), variant: try optional(head, "variant"),
        uuid: try required(head, "uuid"), created: try number(head, "created")))
    guard !instance.os.hasPrefix("."), !instance.os.contains("/") else {
      throw fault(head, "os", "\(instance.os.quoted) is not the name of an OS")
    }
    instance.serial = try number(head, "serial")
    instance.modified = try number(head, "modified")
    instance.hypervisor = try required(head, "hypervisor")
    instance.unfinished = try optional(head, "unfinished")
    instance.backend = all("backend")
    instance.hypervisorParameters = all("hypervisor")
    instance.parameters = all("parameters").mapValues { Instance.Parameter($0, .public) }
    instance.parameters.merge(all("private parameters").mapValues { Instance.Parameter($0, .private) }) { $1 }
    while has("disk \(instance.disks.count)") {
      let (disk, isAdopted) = try disk(instance.disks.count, in: folder)
      if isAdopted { instance.adopted.insert(instance.disks.count) }
      instance.disks.append(disk)
    }
    while has("nic \(instance.nics.count)") { instance.nics.append(try nic(instance.nics.count)) }
    return instance
  }

  func finish() throws(Failure) {
    for section in left {
      if let entry = section.entries.first {
        throw Failure(
          .invalid,
          "\(file.place(entry.line)): \(entry.name.quoted) is not known in [\(section.name.escaped)] of a description")
      }
      if !Self.sections.contains(where: { section.name == $0 || section.name.hasPrefix("\($0) ") }) {
        throw Failure(.invalid, "\(file.place(section.line)): the section [\(section.name.escaped)] is not known")
      }
    }
  }

  private static let sections = [
    "instance", "backend", "hypervisor", "parameters", "private parameters", "disk", "nic",
  ]

  private mutating func disk(
    _ index: Int, in folder: String
  ) throws(Failure) -> (disk: Instance.Disk, isAdopted: Bool) {
    let section = "disk \(index)"
    guard index < DiskTemplate.most else { throw fault(section, "size", "there are too many disks") }
    let adopted = try optional(section, "adopted")
    guard adopted?.hasPrefix("/") != false else {
      throw fault(section, "adopted", "\((adopted ?? "").quoted) does not begin with a slash")
    }
    var disk = Instance.Disk(
      path: adopted ?? "\(folder)/disk\(index)", size: UInt64(try number(section, "size")),
      uuid: try required(section, "uuid"))
    disk.name = try optional(section, "name")
    let access = try required(section, "access")
    guard let known = RequestedDisk.Access(rawValue: access) else {
      throw fault(section, "access", "\(access.quoted) is neither rw nor ro")
    }
    disk.access = known
    return (disk, adopted != nil)
  }

  private mutating func nic(_ index: Int) throws(Failure) -> Instance.NIC {
    let section = "nic \(index)"
    guard index < NICTemplate.most else { throw fault(section, "mac", "there are too many interfaces") }
    var nic = Instance.NIC(mac: try required(section, "mac"), uuid: try required(section, "uuid"))
    guard (try? NICTemplate.mac(nic.mac, index)) != nil else {
      throw fault(section, "mac", "\(nic.mac.quoted) is not the MAC of an interface")
    }
    nic.ip = try optional(section, "ip")
    nic.mode = try required(section, "mode")
    nic.link = try optional(section, "link")
    nic.name = try optional(section, "name")
    let network = RequestedNIC.Network(
      name: try optional(section, "network"), uuid: try optional(section, "network uuid"))
    nic.network = network.name == nil ? nil : network
    return nic
  }

  // MARK: Taking values out

  private func has(_ section: String) -> Bool { file[section] != nil }

  private mutating func all(_ section: String) -> [String: String] {
    guard let index = left.firstIndex(where: { $0.name == section }) else { return [:] }
    let entries = left.remove(at: index).entries
    return Dictionary(entries.map { ($0.name, $0.value) }) { $1 }
  }

  private mutating func optional(_ section: String, _ name: String) throws(Failure) -> String? {
    guard let index = left.firstIndex(where: { $0.name == section }),
      let entry = left[index].entries.firstIndex(where: { $0.name == name })
    else { return nil }
    let value = left[index].entries.remove(at: entry).value
    guard !value.isEmpty, !value.contains("\n") else { throw fault(section, name, "it is not one line") }
    return value
  }

  private mutating func required(_ section: String, _ name: String) throws(Failure) -> String {
    guard let value = try optional(section, name) else {
      guard let found = file[section] else { throw Failure(.invalid, "\(file.file): there is no section [\(section)]") }
      throw Failure(.invalid, "\(file.place(found.line)): there is no \(name.quoted) in [\(section)]")
    }
    return value
  }

  private mutating func number(_ section: String, _ name: String) throws(Failure) -> Int {
    let text = try required(section, name)
    guard let value = Int(text), value >= 0, value <= 1 << 60 else {
      throw fault(section, name, "\(text.quoted) is not a number")
    }
    return value
  }

  private func fault(_ section: String, _ name: String, _ words: String) -> Failure {
    let line = file[section].map { found in found.entries.first { $0.name == name }?.line ?? found.line } ?? 1
    return Failure(.invalid, "\(file.place(line)), \(name.quoted): \(words)")
  }
}
