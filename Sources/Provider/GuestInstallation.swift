// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Guest
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// A copied image made the guest of one name, by a worker that has its disk: the filesystem grows to the disk, gets UUIDs of
/// its own, and the guest's files are edited.
enum GuestInstallation {
  /// The disk; where files are kept what `KeptFilesSpool` holds; where the site adds some the streams of `SiteFiles`.
  static let task = WorkerTask("configure", .editor) { context throws(Failure) in
    let values = context.values
    let disk = try context.disk(0)
    let kept = try values.flag("kept") ? try KeptFiles(context.descriptor(1), list: context.descriptor(2)) : nil
    let name = GuestName(try values.text("name"))
    return try context.steps.step("configure \(name.full)") { _ throws(Failure) in
      let filesystem = try grow(try region(on: disk, values), values)
      let uuid = filesystem.uuid
      let identity = try Identity(of: name, on: filesystem, values)
      let guest = GuestTree(filesystem, isInPlace: false)
      // Of a tree nobody made the folder where that partition is mounted.
      if identity.bootLoader?.efiVolume != nil, try guest.kind("/boot/efi") == nil {
        try guest.makeDirectory("/boot/efi")
      }
      for mount in identity.data { try guest.makeDirectory(ByteString(mount.mountPoint)) }
      for line in try identity.apply(to: guest) { context.steps.note(line) }
      try SiteFiles.write(values["site"], of: context, to: guest)
      try kept?.write(to: guest.filesystem)
      try guest.commit()
      return ["uuid": .string("\(uuid)")]
    }
  }

  private static func region(on disk: Disk, _ values: JSON) throws(Failure) -> Region {
    Region(disk, ByteRange(offset: try values.number("at"), length: try values.number("length")))
  }

  private static func grow(_ region: Region, _ values: JSON) throws(Failure) -> Filesystem {
    let options = try FilesystemOptions(values["options"] ?? nil)
    var head = Withheld()
    head.hold(try values.bytes("head"), at: UInt64(Superblock.range.lowerBound))
    let filesystem = try Filesystem(opening: region, withheld: head, writable: true)
    filesystem.renewUUID()
    filesystem.setLabel(options.label)
    filesystem.renewHashSeed()
    try filesystem.grow(to: region.range.length, options: options, zeroed: try values.flag("zeroed"))
    return filesystem
  }

  /// - Parameters:
  ///   - head: the superblock, which the disk does not have yet.
  ///   - zeroed: the disk reads as zeros where the image has nothing.
  ///   - identity: all but the UUID of the root filesystem, which it gets, and which is the answer.
  ///   - root: where on the disk the root filesystem is.
  ///   - kept: whether files are kept, whose streams come before those of the site.
  static func values(
    _ identity: Identity, in root: ByteRange, head: Withheld, zeroed: Bool, _ options: FilesystemOptions,
    keeping kept: Bool, site: SiteFiles?
  ) -> JSON {
    let release = identity.release
    return [
      "name": .string(identity.name.full), "head": .bytes(head.bytes(in: Superblock.range) ?? []),
      "at": .number(root.offset), "length": .number(root.length), "boots": .bool(identity.bootLoader != nil),
      "efi": .optional(identity.bootLoader?.efiVolume), "both": .bool(identity.bootLoader?.hasBoth ?? false),
      "zeroed": .bool(zeroed), "foreign": .bool(identity.isForeign), "options": options.json,
      "swap": .optional(identity.swapUUID),
      "network": identity.network.json, "renderer": .optional(identity.renderer?.rawValue),
      "accounts": identity.accounts.json,
      "timezone": .optional(identity.locale.timezone), "language": .optional(identity.locale.language),
      "version": .string(release.version), "installed": .string(release.installed), "image": .string(release.image),
      "suite": .string(release.suite), "wipe": .string(release.wipe), "kept": .bool(kept),
      "site": site?.json(behind: kept ? 3 : 1) ?? nil,
      "naming": .array((site?.templates ?? []).filter(\.hasWholeName).map { ["path": .bytes($0.path.bytes)] }),
      "clean": .array(identity.cleaning.map { .string($0.rawValue) }),
      "data": .array(
        identity.data.map {
          ["uuid": .string($0.uuid), "type": .string($0.type), "place": .string($0.mountPoint)]
        }),
    ]
  }
}

extension Identity {
  fileprivate init(of name: GuestName, on filesystem: borrowing Filesystem, _ values: JSON) throws(Failure) {
    self.init(
      name: name, rootUUID: filesystem.uuid.description,
      rootType: try FilesystemOptions(values["options"] ?? nil).kind.rawValue, swapUUID: values["swap"]?.string,
      network: try GuestNetwork(values["network"]),
      accounts: try Accounts(values["accounts"]),
      locale: Locale(timezone: values["timezone"]?.string, language: values["language"]?.string),
      release: ReleaseFile(
        version: try values.text("version"), installed: try values.text("installed"),
        image: try values.text("image"), suite: try values.text("suite"), wipe: try values.text("wipe")))
    if try values.flag("boots") {
      bootLoader = BootLoader(efiVolume: values["efi"]?.string, hasBoth: try values.flag("both"))
    }
    renderer = values["renderer"]?.string.flatMap { NetworkRenderer(rawValue: $0) }
    isForeign = try values.flag("foreign")
    nameFiles = try values.list("naming").map { path throws(Failure) in ByteString(try path.bytes("path")) }
    cleaning = try values.texts("clean").compactMap { Cleaning(rawValue: $0) }
    data = try values.list("data").map { mount throws(Failure) in
      DataMount(uuid: try mount.text("uuid"), type: try mount.text("type"), mountPoint: try mount.text("place"))
    }
  }
}
