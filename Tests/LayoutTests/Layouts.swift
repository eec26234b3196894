// SPDX-License-Identifier: Apache-2.0

import Testing

/// How the images of distributions are divided, as scripts of sfdisk(8).
struct DistributionLayout: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let script: String
  /// The number of the partition that grows with the disk.
  let root: Int
  var isGPT = true

  private static let bios = "type=21686148-6449-6E6F-744E-656564454649"
  private static let esp = "type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
  private static let boot = "type=BC13C2FF-59E6-4262-A352-B275FD6F7172"
  private static let root = "type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
  private static let linux = "type=0FC63DAF-8483-4772-8E79-3D69D8477DE4"

  private static func gpt(_ name: String, root: Int, _ lines: String...) -> DistributionLayout {
    DistributionLayout(testDescription: name, script: "label: gpt\n" + lines.joined(separator: "\n") + "\n", root: root)
  }

  private static func mbr(_ name: String, root: Int, _ lines: String...) -> DistributionLayout {
    DistributionLayout(
      testDescription: name, script: "label: dos\nlabel-id: 0x1234abcd\n" + lines.joined(separator: "\n") + "\n",
      root: root,
      isGPT: false)
  }

  static let all = [
    gpt(
      "Debian", root: 1, "14: start=2048 size=6144 \(bios)", "15: start=8192 size=253952 \(esp)",
      "1: start=262144 \(root)"),
    gpt(
      "Ubuntu", root: 1, "14: start=2048 size=8192 \(bios)", "15: start=10240 size=217088 \(esp)",
      "16: start=227328 size=2097152 \(boot) name=BOOT", "1: start=2324480 \(linux) name=cloudimg-rootfs"),
    gpt(
      "Fedora", root: 4, "1: size=1MiB \(bios)", "2: size=100MiB \(esp)", "3: size=1000MiB \(boot)", "4: \(root)"),
    gpt(
      "Rocky", root: 5, "1: size=100MiB \(esp)", "2: size=1000MiB \(boot)",
      "3: size=4MiB type=9E1A2D38-C612-4316-AA26-8B49521E5A8B", "4: size=1MiB \(bios)", "5: \(root)"),
    gpt("Alma", root: 4, "1: size=1MiB \(bios)", "2: size=200MiB \(esp)", "3: size=1GiB \(boot)", "4: \(root)"),
    gpt(
      "openSUSE", root: 3, "1: size=2MiB \(bios) name=p.legacy", "2: size=33MiB \(esp) name=p.UEFI",
      "3: \(linux) name=p.lxroot"),
    gpt("Arch", root: 3, "1: size=1MiB \(bios)", "2: size=300MiB \(esp)", "3: \(root)"),
    mbr("one partition", root: 1, "1: start=2048 type=83 bootable"),
    mbr("/boot and root", root: 2, "1: start=2048 size=512MiB type=83 bootable", "2: type=83"),
    mbr(
      "a logical root behind a swap", root: 6, "1: start=2048 size=512MiB type=83 bootable", "2: type=05",
      "5: size=512MiB type=82", "6: type=83"),
  ]
}
