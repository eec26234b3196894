// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Layout
internal import LinuxIO
internal import Report

/// What the EFI system partition of a guest holds: shim, which the firmware believes, and the signed GRUB, which shim
/// believes; in the folder of the distribution, and where firmware looks that has not been told of any.
struct EFITree {
  private let scratch: ScratchFolder

  private static let shim = "/usr/lib/shim/shimx64.efi.signed"
  private static let grub = "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
  private static let manager = "/usr/lib/shim/mmx64.efi"

  /// The files, and the packages of Debian that have them.
  static let sources = [
    (path: shim, package: "shim-signed"), (grub, "grub-efi-amd64-signed"), (manager, "shim-signed"),
  ]

  /// - Parameters:
  ///   - release: `/etc/os-release` of the guest.
  ///   - contents: reads a file of the guest.
  init(
    _ release: [UInt8], _ contents: (String) throws(Failure) -> [UInt8], in scratch: ScratchFolder
  ) throws(Failure) {
    self.scratch = scratch
    guard let name = OSRelease(release)["ID"], name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else {
      throw Failure(.guest, "/etc/os-release of the guest has no ID that can be the name of a folder")
    }
    try scratch.folder.make("EFI")
    let root = try Folder("EFI", in: scratch.folder)
    let (shim, grub, manager) = (try contents(Self.shim), try contents(Self.grub), try contents(Self.manager))
    for (folder, first) in [("BOOT", "BOOTX64.EFI"), (name, "shimx64.efi")] {
      try root.make(folder)
      let folder = try Folder(folder, in: root)
      try folder.write(shim, to: first)
      try folder.write(grub, to: "grubx64.efi")
      try folder.write(manager, to: "mmx64.efi")
      if first == "shimx64.efi" { try folder.write(Array(Self.stub.utf8), to: "grub.cfg") }
    }
  }

  /// The signed GRUB reads it from the folder of its distribution; it has the form that grub-install(8) writes.
  private static let stub = """
    search.fs_uuid \(UUID.placeholder) root
    set prefix=($root)'/boot/grub'
    configfile $prefix/grub.cfg

    """

  /// The partition, up to its last byte that is not zero.
  func partition(sectorSize: Int) throws(Failure) -> [UInt8] {
    let path = "\(scratch.path)/efi-\(sectorSize)"
    let file = try Descriptor(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    try file.setLength(GPT.efiLength)
    try run(
      "dosfstools",
      .ofSystem("mkfs.fat", ["-F", "16", "-S", "\(sectorSize)", "-i", "00000000", "-n", "EFI", "--invariant", path]))
    var copy = Command.ofSystem("mcopy", ["-i", path, "-s", "\(scratch.path)/EFI", "::"])
    // A configuration of the caller's may name other drives.
    copy.environment?["MTOOLSRC"] = "/dev/null"
    try run("mtools", copy)
    return try Self.withoutZeros(file)
  }

  /// A file up to its last MiB that is not zero: the tables are in front, and what was copied lies behind them.
  private static func withoutZeros(_ file: borrowing Descriptor) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var offset: UInt64 = 0
    while offset < GPT.efiLength {
      let piece = try file.bytes(at: offset, count: 1 << 20)
      if !piece.withUnsafeBytes({ NonZeroRuns.isZero($0) }) {
        bytes += [UInt8](repeating: 0, count: Int(offset) - bytes.count) + piece
      }
      offset += 1 << 20
    }
    return bytes
  }

  private func run(_ package: String, _ command: Command) throws(Failure) {
    let (status, output) = try Command.needing(package) { () throws(Failure) in try command.capture(limit: 4096) }
    guard status.isSuccess else {
      throw Failure(.tool, "\(command.executable) \(status):\n  \(Command.lastLines(output))")
    }
  }
}
