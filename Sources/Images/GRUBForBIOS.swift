// SPDX-License-Identifier: Apache-2.0
internal import Layout
internal import Report

/// GRUB's two parts for the BIOS, made fit for the place that they have on every disk, as grub-bios-setup(8) does it.
///
/// The fields are those of grub-core/boot/i386/pc/boot.S and diskboot.S, and of include/grub/i386/pc/boot.h (GRUB 2.06, 2.12).
enum GRUBForBIOS {
  /// Where `core` begins, in sectors of 512 bytes.
  private static let place = GPT.loader.offset / 512
  /// The program in a disk's first sector ends where the partition table begins.
  private static let codeLength = 440
  /// GRUB_BOOT_MACHINE_KERNEL_SECTOR: the sector to go on from.
  private static let coreField = 0x5c
  /// GRUB_BOOT_MACHINE_DRIVE_CHECK: a jump that believes the BIOS about the drive's number only where it must.
  private static let driveCheck = 0x66
  /// The last block list of the first sector of `core`: from which sector on the rest lies.
  private static let restField = 512 - 12

  /// The program for the first sector of a disk, of 440 bytes.
  static func sector(_ image: [UInt8]) throws(Failure) -> [UInt8] {
    guard image.count == 512, image[510] == 0x55, image[511] == 0xAA else {
      throw Failure(.tool, "GRUB's boot.img has \(image.count) bytes, and is not the boot sector that it should be")
    }
    var code = Array(image.prefix(codeLength))
    put(place, at: coreField, in: &code)
    // On a hard disk the BIOS is right; two instructions that do nothing stand in place of the jump.
    code[driveCheck] = 0x90
    code[driveCheck + 1] = 0x90
    return code
  }

  /// The program in the BIOS boot partition.
  static func core(_ image: [UInt8]) throws(Failure) -> [UInt8] {
    guard image.count > 1024, UInt64(image.count) <= GPT.loader.length else {
      throw Failure(
        .tool, "GRUB's core.img has \(image.count) bytes; at most \(GPT.loader.length) fit where it goes")
    }
    var core = image
    put(place + 1, at: restField, in: &core)
    return core
  }

  private static func put(_ number: UInt64, at offset: Int, in bytes: inout [UInt8]) {
    for index in 0..<8 { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index))) }
  }
}
