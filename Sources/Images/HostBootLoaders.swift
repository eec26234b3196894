// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxIO
package import Report

/// The boot loaders of this machine, for a guest whose root filesystem need not bring any: for BIOS one GRUB with all that it
/// needs in it, for UEFI shim and the signed GRUB.
package final class HostBootLoaders: BootFileSource {
  private let scratch: ScratchFolder
  private let folder: Folder
  private let files: [BootFile]

  private static let sector = "/usr/lib/grub/i386-pc/boot.img"
  private static let mkimage = "/usr/bin/grub-mkimage"

  /// What reads the menu of a guest (`BootLoader`) on a GPT and ext: nothing is loaded from the guest.
  private static let modules = [
    "biosdisk", "part_gpt", "ext2", "normal", "linux", "search", "search_fs_uuid", "serial", "terminal", "configfile",
    "echo", "test", "minicmd", "halt", "reboot",
  ]

  /// - Throws: `.tool` where this machine lacks one, with the packages that have it; `.invalid` on a processor whose boot
  ///   loaders are not known here.
  package static func refuseMissing(bios: Bool, uefi: Bool) throws(Failure) {
    try BootLoaderPackages.refuse(architecture: Release.architecture)
    var wanted: [(path: String, package: String)] = uefi ? EFITree.sources : []
    if bios { wanted += [(sector, "grub-pc-bin"), (mkimage, "grub-common")] }
    let missing = wanted.filter { access($0.path, R_OK) != 0 }
    guard let first = missing.first else { return }
    var packages: [String] = []
    for file in missing where !packages.contains(file.package) { packages.append(file.package) }
    throw Failure(
      .tool, "the boot loaders that the guest gets are this machine's, and \(first.path) is missing here",
      remedy: "install the packages: apt-get install \(packages.joined(separator: " "))")
  }

  package init(bios: Bool, uefi: Bool, in store: ImageStore) throws(Failure) {
    scratch = try store.newScratch()
    do throws(Failure) {
      folder = try Folder(scratch.path)
      files = try Self.make(bios: bios, uefi: uefi, in: folder, scratch)
    } catch {
      scratch.remove()
      throw error
    }
  }

  deinit { scratch.remove() }

  private static func make(
    bios: Bool, uefi: Bool, in folder: borrowing Folder, _ scratch: ScratchFolder
  ) throws(Failure) -> [BootFile] {
    var files: [BootFile] = []
    if bios {
      files.append(try BootFile(.sector, writing: GRUBForBIOS.sector(try contents(sector)), to: folder))
      let core = "\(scratch.path)/core"
      let command = Command.ofSystem(
        mkimage, ["--format=i386-pc", "--prefix=(,gpt1)/boot/grub", "--output=\(core)"] + modules)
      let (status, output) = try Command.needing("grub-common") { () throws(Failure) in
        try command.capture(limit: 4096)
      }
      guard status.isSuccess else {
        throw Failure(.tool, "\(mkimage) \(status):\n  \(Command.lastLines(output))")
      }
      files.append(try BootFile(.core, writing: GRUBForBIOS.core(try contents(core)), to: folder))
    }
    if uefi {
      let tree = try EFITree(try contents("/etc/os-release"), contents, in: scratch)
      files.append(try BootFile(.efi512, writing: try tree.partition(sectorSize: 512), to: folder))
      files.append(try BootFile(.efi4096, writing: try tree.partition(sectorSize: 4096), to: folder))
    }
    return files
  }

  private static func contents(_ path: String) throws(Failure) -> [UInt8] {
    let file = try Descriptor(path, O_RDONLY)
    return try file.bytes(at: 0, count: Int(min(try file.length(), BootFile.limit)))
  }

  package func bootFile(_ kind: BootFile.Kind) throws(Failure) -> BootFile {
    guard let file = files.first(where: { $0.kind == kind }) else {
      throw Failure(.io, "\(kind.rawValue) was not made of this machine's boot loaders")
    }
    return file
  }

  package func open(_ file: BootFile) throws(Failure) -> Descriptor { try folder.open(file.kind.rawValue, O_RDONLY) }
}
