// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
package import Report
internal import Storage

/// What an export says of its instance: `config.ini` beside the dumps, as Ganeti 1.2.6 to 3.1 write and read it.
package struct ExportConfiguration: Sendable {
  static let file = "config.ini"

  /// One disk of the instance that was exported.
  package struct Disk: Sendable, Equatable {
    package var index: Int
    /// In bytes.
    package var size: UInt64?
    /// The name of the file; nil for a disk of which there is none.
    package var dump: String?
    package var name: String?
  }

  /// The folder.
  package let path: String
  /// The name of the instance.
  package var name: String
  /// `NAME` or `NAME+VARIANT`.
  package var os: String
  /// Seconds since 1970.
  package var timestamp: Int?
  /// Whether the host says that it has compressed the dumps, as 1.2.6 does.
  package var isGzipped: Bool
  package var disks: [Disk] = []
  var nics: [NICTemplate] = []
  var parameters: [String: Instance.Parameter] = [:]
  var backend: [String: String] = [:]
  var hypervisor: String?
  var hypervisorParameters: [String: String] = [:]
  /// The names of parameters of the hypervisor that are for the administrator of this machine alone, and were dropped.
  package var dropped: [String] = []
  /// The names of parameters of the OS that were dropped, since their values name what this machine would read.
  var droppedParameters: [String] = []
  /// What is not known here, in words, and nothing was made of.
  package var ignored: [String] = []
}

// MARK: Reading

extension ExportConfiguration {
  /// Reads `config.ini` in the folder `path`.
  ///
  /// - Throws: `.dump` with the file, the line and the key.
  package init(in path: String) throws(Failure) {
    guard isFolder(path) else {
      throw Failure(
        .dump, "there is no export in \(path)",
        remedy: "name a folder with a \(Self.file), as guestsmith backup list does")
    }
    let file = try INI(reading: "\(path)/\(Self.file)", .dump)
    guard let export = file["export"], let instance = file["instance"] else {
      throw Failure(.dump, "\(file.file) has no [export] or no [instance], so it describes no export")
    }
    func required(_ section: INI.Section, _ key: String) throws(Failure) -> String {
      guard let value = Self.known(section[key]) else {
        throw Failure(.dump, "\(file.place(section.line)): there is no \(key.quoted) in [\(section.name)]")
      }
      return value
    }
    let version = try required(export, "version")
    guard version == "0" else {
      throw Failure(.dump, "\(file.file): \(version.quoted) is not the version of an export that is known here, 0")
    }
    self.path = path
    name = try required(instance, "name")
    do throws(Failure) { _ = try InstanceName(name) } catch {
      throw Self.fault(file, instance, "name", error.message)
    }
    os = try required(export, "os")
    timestamp = Self.known(export["timestamp"]).flatMap { Int($0) }
    isGzipped = export["compression"]?.lowercased().hasPrefix("gzip") == true
    hypervisor = Self.known(instance["hypervisor"])
    // The counts hold the last index in 1.2.6 and a number of things since 2.0, so they are not looked at.
    if let entry = instance.entries.first(where: { $0.value.contains("\n") }) {
      throw Self.fault(file, instance, entry.name, "it is more than one line")
    }
    for index in 0..<DiskTemplate.most {
      if let disk = try Self.disk(index, instance, file) { disks.append(disk) }
    }
    for index in 0..<NICTemplate.most {
      guard Self.known(instance["nic\(index)_mac"]) != nil else { break }
      nics.append(try Self.nic(index, instance, file))
    }
    for (key, value) in Self.values(file["os"]) { parameters[key] = .init(value, .public) }
    for (key, value) in Self.values(file["os_private"]) { parameters[key] = .init(value, .private) }
    droppedParameters = parameters.filter { Self.isPlace($0.value.value, of: $0.key) }.keys.sorted()
    for name in droppedParameters { parameters[name] = nil }
    let hypervisorValues = Self.values(file["hypervisor"])
    hypervisorParameters = hypervisorValues.filter { !Self.isOfTheMachine($0.key, $0.value) }
    dropped = hypervisorValues.keys.filter { hypervisorParameters[$0] == nil }.sorted()
    backend = Self.values(file["backend"] ?? instance)
    let knownBackend = ["memory", "maxmem", "minmem", "vcpus", "auto_balance", "always_failover", "spindle_use"]
    backend = backend.filter { knownBackend.contains($0.key) }
    ignored = Self.strangers(in: file, knownBackend)
  }

  private static func disk(_ index: Int, _ instance: INI.Section, _ file: INI) throws(Failure) -> Disk? {
    let (dump, size) = (known(instance["disk\(index)_dump"]), known(instance["disk\(index)_size"]))
    guard dump != nil || size != nil else { return nil }
    var disk = Disk(index: index, dump: dump, name: known(instance["disk\(index)_name"]))
    if let size {
      guard let mebibytes = UInt64(size), mebibytes > 0, mebibytes < 1 << 40 else {
        throw fault(file, instance, "disk\(index)_size", "\(size.quoted) is not a number of MiB")
      }
      disk.size = mebibytes << 20
    }
    if let dump {
      // The export is somebody else's word: it leads to nothing but its own files.
      guard !dump.contains("/"), dump != ".", dump != "..", !dump.contains("\n"), dump != Self.file else {
        throw fault(
          file, instance, "disk\(index)_dump", "\(dump.quoted) is not the name of a file in the folder of the export")
      }
    }
    return disk
  }

  private static func nic(_ index: Int, _ instance: INI.Section, _ file: INI) throws(Failure) -> NICTemplate {
    func value(_ key: String) -> String? { known(instance["nic\(index)_\(key)"]) }
    var nic = NICTemplate(index: index)
    do throws(Failure) {
      nic.mac = try value("mac").map { text throws(Failure) in try NICTemplate.mac(text, index) }
    } catch {
      throw fault(file, instance, "nic\(index)_mac", error.message)
    }
    nic.ip = value("ip")
    nic.mode = value("mode")
    // 1.2.6 knows bridges only.
    nic.link = value("link") ?? value("bridge")
    nic.network = value("network")
    nic.name = value("name")
    return nic
  }

  /// Python's `None`, and nothing, are not values.
  private static func known(_ value: String?) -> String? {
    guard let value, !value.isEmpty, value.lowercased() != "none" else { return nil }
    return value
  }

  private static func values(_ section: INI.Section?) -> [String: String] {
    var values: [String: String] = [:]
    for entry in section?.entries ?? [] { values[entry.name] = known(entry.value) }
    return values
  }

  /// Whether a parameter of the hypervisor names a file or a program of the machine, or becomes a part of its command
  /// line: whoever wrote the export would have root read what he names, or run it. Ganeti has some 20 of them, such as
  /// `kernel_path`, `cdrom_image_path`, `vnc_password_file`, `vif_script`, `kvm_extra` (gnt-instance(8)).
  private static func isOfTheMachine(_ name: String, _ value: String) -> Bool {
    let words = name.split(separator: "_")
    return value.contains("/")
      || ["path", "file", "script", "args", "extra", "cmd", "devices", "model", "config"].contains {
        words.contains($0)
      }
  }

  /// Whether a parameter of the OS names a place that this machine would read: whoever wrote the export would have root read
  /// what he names, into the guest.
  private static func isPlace(_ value: String, of parameter: String) -> Bool {
    // These are files of the guest.
    guard parameter != "reinstall_keep" else { return false }
    let text = value.drop { $0.isWhitespace }.lowercased()
    // A mirror on the web is read with its signatures, by apt; nothing tells what user data should be.
    let places = ["/", "./", "../", "file:", "copy:", "mirror+file:"] + (parameter == "user_data" ? ["http"] : [])
    return places.contains { text.hasPrefix($0) }
  }

  private static func fault(_ file: INI, _ section: INI.Section, _ key: String, _ words: String) -> Failure {
    let line = section.entries.first { $0.name == key }?.line ?? section.line
    return Failure(.dump, "\(file.place(line)), \(key.quoted): \(words)")
  }

  private static func strangers(in file: INI, _ backend: [String]) -> [String] {
    let export = ["version", "timestamp", "source", "os", "compression"]
    let instance = ["name", "disk_template", "hypervisor", "nic_count", "disk_count"] + backend
    let disk = ["ivname", "dump", "size", "name"]
    let nic = ["mac", "ip", "bridge", "mode", "link", "network", "name", "vlan"]
    var strangers: [String] = []
    for section in file.sections {
      switch section.name {
      case "export": strangers += section.entries.map(\.name).filter { !export.contains($0) }
      case "backend": strangers += section.entries.map(\.name).filter { !backend.contains($0) }
      case "instance":
        for entry in section.entries where !instance.contains(entry.name) {
          let key = entry.name
          let parts = key.split(separator: "_", maxSplits: 1).map(String.init)
          let isNumbered = { (kind: String) in parts[0].hasPrefix(kind) && Int(parts[0].dropFirst(kind.count)) != nil }
          if parts.count == 2,
            isNumbered("disk") && disk.contains(parts[1]) || isNumbered("nic") && nic.contains(parts[1])
          {
            continue
          }
          // Tags are known, but nothing is made of them.
          if key == "tags" && known(entry.value) == nil { continue }
          strangers.append(key)
        }
      case "hypervisor", "os", "os_private": continue
      default: strangers.append("[\(section.name)]")
      }
    }
    return strangers
  }
}

// MARK: Writing

extension ExportConfiguration {
  /// `config.ini` for an export of `instance`, as Ganeti 3.0 writes it.
  ///
  /// - Parameter dumps: the files by the numbers of their disks.
  static func text(of instance: KeptInstance, dumps: [Int: String], isGzipped: Bool) -> String {
    var file = INI(file: Self.file)
    var export = INI.Section(name: "export")
    export.set("version", "0")
    export.set("timestamp", "\(time(nil))")
    export.set("source", hostname())
    export.set("os", instance.osName)
    export.set("compression", isGzipped ? "gzip" : "none")
    var section = INI.Section(name: "instance")
    section.set("name", instance.name.text)
    // In [instance] too, for hosts before 2.0.
    for key in ["maxmem", "minmem", "memory", "vcpus"] { section.set(key, instance.backend[key]) }
    section.set("disk_template", !instance.adopted.isEmpty ? "blockdev" : "file")
    section.set("hypervisor", instance.hypervisor)
    section.set("tags", "")
    for (index, nic) in instance.nics.enumerated() {
      section.set("nic\(index)_mac", nic.mac)
      section.set("nic\(index)_ip", nic.ip ?? "None")
      section.set("nic\(index)_network", nic.network?.name ?? "None")
      section.set("nic\(index)_name", nic.name ?? "None")
      section.set("nic\(index)_mode", nic.mode)
      section.set("nic\(index)_link", nic.link ?? "None")
      section.set("nic\(index)_vlan", "None")
      if nic.mode == "bridged" { section.set("nic\(index)_bridge", nic.link) }
    }
    section.set("nic_count", "\(instance.nics.count)")
    for (index, disk) in instance.disks.enumerated() {
      section.set("disk\(index)_ivname", "disk/\(index)")
      section.set("disk\(index)_dump", dumps[index])
      // Nothing smaller than what is in the dump.
      section.set("disk\(index)_size", "\((disk.size + (1 << 20) - 1) >> 20)")
      section.set("disk\(index)_name", disk.name ?? "None")
    }
    section.set("disk_count", "\(dumps.count)")
    file.sections = [export, section]
    file.append("hypervisor", instance.hypervisorParameters)
    file.append("backend", instance.backend.filter { $0.key != "memory" })
    file.append("os", instance.parameters.filter { $0.value.visibility == .public }.mapValues(\.value))
    file.append("os_private", instance.parameters.filter { $0.value.visibility == .private }.mapValues(\.value))
    return file.text
  }

  private static func hostname() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension INI {
  fileprivate mutating func append(_ name: String, _ values: [String: String]) {
    var section = Section(name: name)
    for (name, value) in values.sorted(by: { $0.key < $1.key }) { section.set(name, value) }
    sections.append(section)
  }
}
