// SPDX-License-Identifier: Apache-2.0
package import Report

/// What a partition is for, as its table says.
package enum PartitionType: Hashable, Sendable {
  case gpt(UUID)
  case mbr(UInt8)

  /// Of those that hold the root filesystem of a system, by the Discoverable Partitions Specification.
  package var isRoot: Bool { if case .gpt(let type) = self { GPT.rootTypes.contains(type) } else { false } }

  /// `c12a7328-f81f-11d2-ba4b-00a0c93ec93b`, or two hexadecimal digits.
  package var description: String {
    switch self {
    case .gpt(let type): type.description
    case .mbr(let type): type < 16 ? "0\(String(type, radix: 16))" : String(type, radix: 16)
    }
  }
}

/// The types of the UEFI specification and of the Discoverable Partitions Specification.
extension GPT {
  package static let biosBoot = UUID(0x2168_6148_6449_6E6F, 0x744E_6565_6445_4649)
  package static let efiSystem = UUID(0xC12A_7328_F81F_11D2, 0xBA4B_00A0_C93E_C93B)
  package static let extendedBoot = UUID(0xBC13_C2FF_59E6_4262, 0xA352_B275_FD6F_7172)
  package static let linux = UUID(0x0FC6_3DAF_8483_4772, 0x8E79_3D69_D847_7DE4)
  package static let swap = UUID(0x0657_FD6D_A4AB_43C4, 0x84E5_0933_C84B_4F4F)
  package static let rootAMD64 = UUID(0x4F68_BCE3_E8CD_4DB1, 0x96E7_FBCA_F984_B709)
  package static let rootARM64 = UUID(0xB921_B045_1DF0_41C3, 0xAF44_4C6F_280D_3FAE)
  package static let rootI386 = UUID(0x4447_9540_F297_41B2, 0x9AF7_D131_D5F0_458A)
  static let rootTypes: Set = [rootAMD64, rootARM64, rootI386]
}

extension UUID {
  /// Its first and its second eight bytes.
  init(_ high: UInt64, _ low: UInt64) {
    self.init(bytes: [high, low].flatMap { part in (0..<8).map { UInt8(truncatingIfNeeded: part >> (56 - 8 * $0)) } })
  }

  /// From the bytes as GPT has them, and back: the first three fields with their lowest byte first.
  var mixedEndian: [UInt8] { Self.swapped(bytes) }
  init(mixedEndian bytes: [UInt8]) { self.init(bytes: Self.swapped(bytes)) }

  private static func swapped(_ bytes: [UInt8]) -> [UInt8] {
    [3, 2, 1, 0, 5, 4, 7, 6].map { bytes[$0] } + bytes[8..<16]
  }
}
