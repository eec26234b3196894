// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Instances

/// What the first words on a console tell of a boot loader.
@Suite struct LoaderConsoleTests {
  /// In words; nil for as long as nothing can be told.
  private func told(_ firmware: Firmware, _ text: String) -> String? {
    var console = LoaderConsole(firmware)
    console.read(Array(text.utf8))
    switch console.firstWords {
    case .loader(let words): return "loader: \(words)"
    case .nothing(let words): return "nothing: \(words)"
    case .silence, nil: return nil
    }
  }

  @Test(
    "a loader shows itself by its first line",
    arguments: [
      (.bios, "GRUB loading.", "loader: GRUB loading."), (.bios, "tiny guest", "loader: tiny guest"),
      (.uefi, "Welcome to GRUB!", "loader: Welcome to GRUB!"),
    ] as [(Firmware, String, String)])
  func loader(_ firmware: Firmware, _ line: String, _ wanted: String) {
    #expect(told(firmware, "\(attempt(firmware))\r\n\(line)\r\n") == wanted)
    #expect(told(firmware, "\(attempt(firmware))\r\n") == nil)
  }

  @Test(
    "a loader that finds nothing to load is none",
    arguments: [
      (.bios, "Boot failed: not a bootable disk"), (.bios, "Missing operating system."),
      (.bios, "Operating system not found"), (.bios, "This is not a bootable disk.  Please insert a floppy"),
      (.bios, "GRUB Hard Disk Error"), (.bios, "GRUB Geom Error"),
      (.uefi, #"Failed to open \EFI\BOOT\grubx64.efi - Not Found"#),
      (.uefi, "BdsDxe: failed to start Boot0001"),
    ] as [(Firmware, String)])
  func failure(_ firmware: Firmware, _ line: String) {
    #expect(told(firmware, "\(attempt(firmware))\r\n\(line)\r\n") == "nothing: \(line)")
  }

  @Test("an error of GRUB is one where it waits for rescue, and tells nothing before")
  func rescue() {
    let words = "\(attempt(.bios))\r\nerror: unknown filesystem.\r\n"
    #expect(told(.bios, words) == nil)
    #expect(told(.bios, words + "Entering rescue mode...\r\n") == "nothing: error: unknown filesystem.")
  }

  private func attempt(_ firmware: Firmware) -> String {
    firmware == .bios ? "Booting from Hard Disk..." : #"BdsDxe: starting Boot0001 "UEFI Misc Device""#
  }
}
