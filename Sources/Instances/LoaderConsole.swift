// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

extension Firmware {
  /// What the console shows when this firmware has started what is on a disk.
  package enum FirstWords: Sendable {
    /// Of what was started.
    case loader(String)
    /// Of the firmware, which found nothing to start, or of a loader, which says that of itself.
    case nothing(String)
    /// None: why nothing can be told.
    case silence(String)
  }

  /// Starts a disk, which is only read, in an emulated machine, until what the firmware finds on it says its first words.
  ///
  /// - Throws: `.tool` without qemu or the firmware.
  package func firstWords(from disk: String, within seconds: Int) throws(Failure) -> FirstWords {
    let file = SharedDescriptor(try Descriptor(disk, O_RDONLY))
    let own = try attach(in: "/", keepsChanges: false)
    let arguments =
      Accelerator.tcg.arguments + own.arguments + [
        "-nodefaults", "-snapshot", "-m", "256", "-machine", "graphics=off", "-display", "none", "-monitor", "none",
        "-serial", "stdio", "-no-reboot", "-add-fd", "fd=\(file.view.number),set=0",
        "-drive", "file=/dev/fdset/0,format=raw,if=virtio",
      ]
    var qemu = Command("qemu-system-x86_64", arguments)
    let files = own.files + [file]
    defer { withExtendedLifetime(files) {} }
    qemu.extras = files.map { ($0.view.number, $0.view) }
    qemu.rights = .ofNobody(using: nil)
    qemu.environment = ownEnvironment().merging(["TMPDIR": "/var/tmp"]) { $1 }
    var console = LoaderConsole(self)
    let end = try watchConsole(of: qemu, limit: .seconds(seconds)) { bytes in
      console.read(bytes)
      return console.firstWords != nil
    }
    if let words = console.firstWords { return words }
    if case .ended(let status, let words) = end, !status.isSuccess { throw Failure(.tool, "qemu \(status): \(words)") }
    return .silence(
      "\(self.name) started something from the disk, or looked for it, and the console showed nothing of that "
        + "within \(seconds) s")
  }

  private var name: String { self == .bios ? "SeaBIOS" : "OVMF" }
}

/// What firmware and a boot loader say on a serial console.
struct LoaderConsole {
  private let isBIOS: Bool
  private var lines: [String] = [""]
  private var escape: [UInt8] = []

  init(_ firmware: Firmware) { isBIOS = firmware == .bios }

  mutating func read(_ bytes: [UInt8]) {
    for byte in bytes {
      if !escape.isEmpty {
        escape.append(byte)
        // ESC, or ESC [ up to a letter; whatever it does, it ends a word.
        if byte != UInt8(ascii: "["), escape[1] != UInt8(ascii: "[") || (0x40...0x7E).contains(byte) { escape = [] }
      } else if byte == 0x1B {
        escape = [byte]
        endLine()
      } else if byte == 0x0A || byte == 0x0D {
        endLine()
      } else if lines[lines.count - 1].utf8.count < 300 {
        lines[lines.count - 1] += String(UnicodeScalar(byte < 0x80 ? byte : UInt8(ascii: "?")))
      }
    }
  }

  private mutating func endLine() {
    if lines[lines.count - 1].allSatisfy({ $0 == " " }) { lines.removeLast() }
    lines.append("")
  }

  /// What a line begins with by which firmware, or a loader without what it is to load, says that it starts nothing.
  private static let failures = [
    // SeaBIOS and OVMF.
    "Boot failed", "BdsDxe: ",
    // The first sectors of syslinux, of Windows and of mkfs.fat.
    "Missing operating system", "Operating system not found", "Operating system load error",
    "Error loading operating system", "Invalid partition table", "BOOTMGR is missing", "NTLDR is missing",
    "This is not a bootable disk",
    // That of GRUB, which writes no more than its name before; and shim.
    "GRUB Hard Disk Error", "GRUB Geom Error", "GRUB Read Error", "GRUB Error",
    "Failed to open \\EFI\\", "Failed to load image \\EFI\\",
  ]

  /// The first line that follows what the firmware says of its last attempt.
  var firstWords: Firmware.FirstWords? {
    let whole = lines.dropLast()
    guard let attempt = whole.lastIndex(where: { $0.hasPrefix(isBIOS ? "Booting from" : "BdsDxe: starting ") }) else {
      return whole.last { $0.contains("No bootable") }.map { .nothing($0) }
    }
    guard attempt + 1 < whole.endIndex else { return nil }
    let next = whole[attempt + 1]
    if whole[attempt].contains("Shell") { return .nothing(whole[attempt]) }
    // GRUB goes on after some errors; after others it says that it waits for rescue.
    if next.hasPrefix("error: ") {
      return whole[(attempt + 1)...].contains { $0.contains("rescue") } ? .nothing(next) : nil
    }
    let isFailure = next.contains("No bootable") || Self.failures.contains { next.hasPrefix($0) }
    return isFailure ? .nothing(next) : .loader(next)
  }
}
