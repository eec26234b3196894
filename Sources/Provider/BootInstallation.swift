// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Guest
internal import Images
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage

/// What makes a disk boot by itself: its boot loaders and, last of all, its partition table. Until that is there no firmware
/// finds anything on the disk.
struct BootInstallation {
  private let firmware: [Configuration.Firmware]
  private let table: GPT
  /// The volume number of the EFI system partition.
  private let volume: [UInt8]
  /// Where the root filesystem goes.
  let root: ByteRange
  private let sectorSize: UInt64
  /// What it does not boot under although it is to, and why.
  let note: String?

  /// - Throws: `.invalid` for firmware that can't boot from the disk.
  init(_ firmware: [Configuration.Firmware], on disk: Disk, _ surroundings: Surroundings) throws(Failure) {
    let sectorSize = disk.tableSectorSize ?? 512
    self.sectorSize = sectorSize
    guard !firmware.isEmpty else {
      throw Failure(
        .invalid, "boot is empty, and a disk that boots by itself needs firmware to boot under",
        remedy: "set boot to a list with \"bios\", \"uefi\" or both")
    }
    guard sectorSize == 512 || firmware.contains(.uefi) else {
      throw Failure(
        .invalid, "\(disk.path) has sectors of \(sectorSize) bytes, from which no BIOS boots",
        remedy: "add \"uefi\" to boot, or set layout = \"none\"")
    }
    self.firmware = firmware.filter { $0 == .uefi || sectorSize == 512 }
    note =
      self.firmware.count == firmware.count
      ? nil : "\(disk.path) boots under UEFI only: it has sectors of \(sectorSize) bytes, from which no BIOS boots"
    volume = Array(surroundings.newUUID().bytes.prefix(4))
    table = try GPT.bootable(
      disk.path, size: disk.size, sectorSize: sectorSize, bios: self.firmware.contains(.bios),
      uefi: self.firmware.contains(.uefi), newUUID: surroundings.newUUID)
    guard let root = Self.range(of: GPT.rootAMD64, in: table) else {
      throw Failure(.device, "\(disk.path) has no room for a root partition")
    }
    self.root = root
  }

  private static func range(of type: UUID, in table: GPT) -> ByteRange? {
    table.partitions.first { $0.type == type }.map { table.range(of: $0) }
  }

  /// What the guest is to know of it.
  var loader: BootLoader {
    BootLoader(
      efiVolume: firmware.contains(.uefi) ? volumeText : nil, hasBoth: firmware.count == 2)
  }

  /// As `--dry-run` tells it.
  var words: String {
    "make a partition table (GPT), \(firmware.map(\.words).joined(separator: " and ")), "
      + "and a root partition of \(Words.bytes(root.length))"
  }

  /// Copies what firmware starts.
  ///
  /// - Returns: what is wrong with the image, where it is broken.
  func copyLoaders(of entry: borrowing some BootFileSource & ~Copyable, to disk: Disk) throws(Failure) -> Failure? {
    for (kind, type) in [(.core, GPT.biosBoot), (efi, GPT.efiSystem)] as [(BootFile.Kind, UUID)] {
      guard let range = Self.range(of: type, in: table) else { continue }
      if let broken = try copy(kind, of: entry, to: range, on: disk) { return broken }
    }
    // It is written last, when an image that is broken could not be built anew.
    if firmware.contains(.bios), try sector(of: entry) == nil { return try entry.bootFile(.sector).broken }
    return nil
  }

  private var efi: BootFile.Kind { sectorSize == 512 ? .efi512 : .efi4096 }

  private func copy(
    _ kind: BootFile.Kind, of entry: borrowing some BootFileSource & ~Copyable, to range: ByteRange, on disk: Disk
  ) throws(Failure) -> Failure? {
    let file = try entry.bootFile(kind)
    guard file.size <= range.length else { return file.broken }
    let view = disk.descriptor.view
    let isIntact = try file.read(entry.open(file)) { bytes, offset throws(Failure) in
      try view.writeThrough(bytes, at: range.offset + offset)
    }
    return isIntact ? nil : file.broken
  }

  /// Writes what names the root filesystem, and then the table: its copy at the end, itself and, once all that is on the disk,
  /// the first sector.
  func finish(
    _ disk: Disk, _ entry: borrowing some BootFileSource & ~Copyable, rootUUID: String
  ) throws(Failure) {
    guard let uuid = UUID(rootUUID) else {
      throw Failure(.io, "the UUID of the root filesystem is not one: \(rootUUID)")
    }
    let view = disk.descriptor.view
    if let range = Self.range(of: GPT.efiSystem, in: table) {
      for place in try entry.bootFile(efi).uuidPlaces {
        try view.writeAll(Array("\(uuid)".utf8), at: range.offset + place)
      }
      try view.writeAll(volume, at: range.offset + Self.volumeField)
    }
    var table = table
    if firmware.contains(.bios) {
      guard let sector = try sector(of: entry) else { throw try entry.bootFile(.sector).broken }
      table.bootSector.code = sector
    }
    try disk.write(.gpt(table), isFirst: true)
  }

  /// The program for the first sector; nil where it is not what its digest says.
  private func sector(of entry: borrowing some BootFileSource & ~Copyable) throws(Failure) -> [UInt8]? {
    let file = try entry.bootFile(.sector)
    var bytes: [UInt8] = []
    let isIntact = try file.read(entry.open(file)) { piece, _ throws(Failure) in bytes += piece }
    return isIntact ? bytes : nil
  }

  /// BS_VolID of FAT16.
  private static let volumeField: UInt64 = 39

  /// The lowest byte is first on the disk, and last in the text.
  private var volumeText: String {
    let digits = volume.reversed().map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
    return digits[..<2].joined() + "-" + digits[2...].joined()
  }
}

extension Configuration.Firmware {
  fileprivate var words: String {
    switch self {
    case .bios: "GRUB for BIOS"
    case .uefi: "shim and GRUB for UEFI"
    }
  }
}
