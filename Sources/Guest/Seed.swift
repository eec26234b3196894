// SPDX-License-Identifier: Apache-2.0
package import Report

/// What cloud-init in a guest is told by its datasource NoCloud: the files of a seed. All but the user data are JSON, which
/// YAML includes, so that no text in them can be taken for anything else.
package struct Seed: Sendable, Equatable {
  package enum File: String, Sendable, CaseIterable {
    case metaData = "meta-data"
    case userData = "user-data"
    case vendorData = "vendor-data"
    case networkConfig = "network-config"
  }

  /// Where it is in a guest whose files can be written.
  static func path(of file: File) -> ByteString { "/var/lib/cloud/seed/nocloud/\(file.rawValue)" }
  static let metaDataPath = path(of: .metaData)
  /// What a guest with cloud-init has.
  package static let program: ByteString = "/etc/cloud/cloud.cfg"

  /// Puts the files of a seed into those of a guest.
  static func place(_ files: [(file: File, bytes: [UInt8])], in guest: some GuestFiles) throws(Failure) {
    guard try guest.kind(program) != nil else {
      throw Failure(
        .guest, "the guest has no cloud-init that would read a seed: it lacks \(program)",
        remedy: "set configure = \"files\" or \"auto\"")
    }
    for (file, bytes) in files { try guest.place(path(of: file), bytes, mode: 0o600) }
  }

  /// With another one cloud-init takes the guest for a new machine.
  package var instanceID: UUID
  package var name: GuestName
  /// Nil leaves it to cloud-init, which asks for a lease with the first interface that is connected.
  package var network: SeedNetwork?
  package var accounts: Accounts
  package var timezone: String?
  /// Whether the root filesystem is in a volume of LVM, which cloud-init does not grow.
  package var isOnLVM = false
  /// What the administrator adds; it counts for more than the rest.
  package var userData: [UInt8]
  package var site: SeedSite?

  package init(
    instanceID: UUID, name: GuestName, network: SeedNetwork?, accounts: Accounts, timezone: String? = nil,
    userData: [UInt8] = []
  ) {
    self.instanceID = instanceID
    self.name = name
    self.network = network
    self.accounts = accounts
    self.timezone = timezone
    self.userData = userData
  }

  /// In the order in which they are written.
  package var files: [(file: File, bytes: [UInt8])] {
    var files: [(file: File, bytes: [UInt8])] = [
      (.metaData, metaData.bytes), (.vendorData, vendorData),
      // It has to be there; without any it has nothing to say.
      (.userData, userData.isEmpty ? Self.config([:]) : userData),
    ]
    if let network { files.append((.networkConfig, SeedNetwork.file(network.text, for: instanceID.description))) }
    return files
  }

  package var metaData: SeedMetaData {
    SeedMetaData([
      "instance-id": .string(instanceID.description), "local-hostname": .string(name.full),
    ])
  }

  /// What a guest of our own making gets besides, as an archive of what cloud-init configures and what it runs: user data with a list
  /// of the same name would take the place of one that is configured.
  private var vendorData: [UInt8] {
    func part(_ type: String, _ name: String, _ content: String) -> JSON {
      ["type": .string(type), "filename": .string(name), "content": .string(content)]
    }
    var parts = [
      part("text/cloud-config", "guestsmith.cfg", String(decoding: configuration, as: UTF8.self)),
      part(
        "text/cloud-boothook", "guestsmith-boot",
        SeedScript.text(id: instanceID.description, name: name, site: site)),
    ]
    if isOnLVM {
      parts.append(part("text/x-shellscript", "guestsmith-volumes", "#!/bin/sh\n\(Self.growingVolumes)\n"))
    }
    if site?.runsScripts == true {
      parts.append(part("text/x-shellscript", "guestsmith-first-boot", SeedScript.scripts))
    }
    return Array("#cloud-config-archive\n\(JSON.array(parts).serialized())\n".utf8)
  }

  private var configuration: [UInt8] {
    var members: [JSON.Member] = []
    func add(_ key: String, _ value: JSON) { members.append(JSON.Member(key: key, value: value)) }
    add("manage_etc_hosts", "localhost")
    add("growpart", ["mode": "auto", "devices": ["/"]])
    add("resize_rootfs", true)
    if let timezone { add("timezone", .string(timezone)) }
    if !accounts.rootKeys.isEmpty {
      add("disable_root", false)
      add("ssh_authorized_keys", .array(accounts.rootKeys.map { .string($0) }))
    }
    if let user = accounts.user { add("users", [Self.login(of: user, accounts.sshKeys)]) }
    // Not by `list` as well, for what is older than 22.3: 22.4.2 warns of that, and takes what begins with $y$ there for a password.
    if let hash = accounts.rootPasswordHash {
      add("chpasswd", ["expire": false, "users": [["name": "root", "type": "hash", "password": .string(hash)]]])
    }
    return Self.config(.object(members))
  }

  /// In the place of the account that the image has cloud-init make.
  private static func login(of user: UserAccount, _ keys: [String]) -> JSON {
    var members: [JSON.Member] = []
    func add(_ key: String, _ value: JSON) { members.append(JSON.Member(key: key, value: value)) }
    add("name", .string(user.name))
    add("shell", "/bin/bash")
    add("sudo", "ALL=(ALL:ALL) NOPASSWD: ALL")
    if !keys.isEmpty { add("ssh_authorized_keys", .array(keys.map { .string($0) })) }
    add("lock_passwd", .bool(user.passwordHash == nil))
    if let hash = user.passwordHash { add("hashed_passwd", .string(hash)) }
    return .object(members)
  }

  /// The partition has grown from outside. What is full already is not an error.
  private static let growingVolumes =
    "pvs --noheadings --options pv_name | xargs -n 1 pvresize; "
    + "lvextend --resizefs --extents +100%FREE \"$(findmnt --noheadings --output SOURCE /)\" || true"

  private static func config(_ json: JSON) -> [UInt8] { Array("#cloud-config\n\(json.serialized())\n".utf8) }
}

extension [UInt8] {
  /// With newlines behind them up to a multiple of `unit`: a file that keeps its length can be changed in place.
  func padded(to unit: Int) -> [UInt8] {
    self + [UInt8](repeating: UInt8(ascii: "\n"), count: (unit - count % unit) % unit)
  }
}
