// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
internal import LinuxIO
internal import Report
internal import Storage

/// The packages by which a guest boots without its host's help, and keeps its boot loaders current by itself: GRUB for BIOS,
/// shim and the signed GRUB for UEFI, as the cloud images of the distribution have them; and what enlarges its root partition.
struct BootLoaderPackages: Equatable, Sendable {
  let names: [String]
  private let isUbuntu: Bool

  /// Releases of Ubuntu, whose cloud images have one package for each firmware (livecd-rootfs, disk-image-uefi.binary).
  private static let ubuntu: Set = ["jammy", "noble", "plucky", "questing", "resolute"]

  /// Releases before systemd-repart, by which the root partition grows with its disk, was a package of its own: systemd has it from
  /// Debian 12 and Ubuntu 24.04 on, and no release before these does.
  private static let repartIsPartOfSystemd: Set = [
    "stretch", "buster", "bullseye", "bookworm", "bionic", "focal", "jammy", "noble",
  ]

  /// - Throws: `.invalid` for a release or a processor whose boot loaders are not known here.
  init(suite: String, architecture: String) throws(Failure) {
    try Self.refuse(architecture: architecture)
    isUbuntu = Self.ubuntu.contains(suite)
    let loaders = isUbuntu ? ["grub-pc", "grub-efi-amd64-signed", "shim-signed"] : ["grub-cloud-amd64"]
    names = loaders + (Self.repartIsPartOfSystemd.contains(suite) ? [] : ["systemd-repart"])
  }

  static func refuse(architecture: String) throws(Failure) {
    guard architecture == "amd64" else {
      throw Failure(
        .invalid, "a disk that boots by itself is made for amd64 only, and this machine is \(architecture)",
        remedy: "set layout = \"none\", and have the host start the guest's kernel")
    }
  }

  /// In the tree, before it becomes an image: GRUB for the BIOS is put together by the guest's own programs. It looks for
  /// the rest of itself on the first partition of the disk that it was started from, which is the same for every guest.
  var hooks: [(stage: String, script: String)] {
    // GRUB must not look for a disk while the image is made; later it installs to the disk that the guest is on.
    let answers = [
      ("essential", "grub-pc/install_devices_empty"), ("customize", "grub-pc/cloud_style_installation"),
    ].map { stage, question in
      (stage: stage, script: "echo 'grub-pc \(question) boolean true' | chroot \"$1\" debconf-set-selections")
    }
    return (isUbuntu ? answers : []) + [
      (
        "customize",
        """
        set -e; \
        mkdir -p "$1\(Self.folder)" "$1/boot/efi"; \
        cp "$1/usr/lib/grub/i386-pc/"*.mod "$1/usr/lib/grub/i386-pc/"*.lst "$1\(Self.folder)/"; \
        chroot "$1" grub-mkimage --format=i386-pc --prefix='(,gpt1)/boot/grub' --output=\(Self.folder)/core.img \
        biosdisk part_gpt ext2
        """
      )
    ]
  }

  private static let folder = "/boot/grub/i386-pc"
  private static let programs = "/usr/lib/grub/i386-pc"

  /// Makes what a disk has besides the filesystem in the image file, out of that.
  func makeFiles(
    from image: String, in folder: borrowing Folder, scratch: ScratchFolder
  ) throws(Failure) -> [BootFile] {
    let guest = try Filesystem(opening: Region(of: Descriptor(image, O_RDONLY)), writable: false)
    func contents(_ path: String) throws(Failure) -> [UInt8] {
      guard let bytes = try guest.read(ByteString(path), limit: Int(BootFile.limit)) else {
        throw Failure(.tool, "the guest's packages have no \(path)", remedy: "set layout = \"none\"")
      }
      return bytes
    }
    var files: [BootFile] = []
    files.append(
      try BootFile(.sector, writing: GRUBForBIOS.sector(try contents("\(Self.programs)/boot.img")), to: folder))
    files.append(try BootFile(.core, writing: GRUBForBIOS.core(try contents("\(Self.folder)/core.img")), to: folder))
    let tree = try EFITree(try contents("/etc/os-release"), contents, in: scratch)
    files.append(try BootFile(.efi512, writing: try tree.partition(sectorSize: 512), to: folder))
    files.append(try BootFile(.efi4096, writing: try tree.partition(sectorSize: 4096), to: folder))
    return files
  }
}
