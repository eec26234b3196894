// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

/// `instance boot --until`, by a stand-in for qemu.
@Suite struct BootGoalTests {
  private func boot(_ boots: String, _ options: String) throws -> Outcome {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try host.create()
      return try StandIn(host).boot("vm1", "--accelerator tcg \(options)", boots: boots)
    }
  }

  @Test("it ends well when the console shows the words, in how many pieces they may come") func endsWellWhen() throws {
    let outcome = try boot(
      "trap 'exit 0' TERM; printf 'vm1 lo'; sleep 0.3; printf 'gin: '; sleep 600 & wait", "--until 'vm1 login:'")
    #expect(outcome.status == 0, "\(outcome)")
    #expect(outcome.output.contains(" -snapshot ") && outcome.output.contains(" -no-reboot "))
    #expect(outcome.output.hasSuffix("vm1 login: "))
    #expect(outcome.errors.contains("vm1 showed 'vm1 login:' after 0."))
    #expect(outcome.errors.hasSuffix(" s, emulated\n"))
  }

  @Test(
    "a guest that says that it does not come up is a failure at once, with the last lines",
    arguments: [
      ("[ 1.2] Kernel panic - not syncing: VFS", "did not come up: its console shows 'Kernel panic'"),
      ("You are in emergency mode. After", "did not come up: its console shows 'You are in emergency mode'"),
      ("ALERT! /dev/vda does not exist.\\r\\n(initramfs) ", "did not come up: its console shows '(initramfs)'"),
      ("grub rescue> ", "did not come up: its console shows 'grub rescue>'"),
    ])
  func guestSaysDoes(
    _ shown: String, _ words: String
  ) throws {
    let outcome = try boot("printf 'one\\r\\n\(shown)'; exec sleep 600", "--until login:")
    #expect(outcome.status == Failure.Code.guest.rawValue, "\(outcome)")
    #expect(outcome.errors.contains("guestsmith: vm1 \(words); the last lines:\n"), "\(outcome)")
    #expect(outcome.errors.contains("\n  | one\n  | "))
  }

  @Test("a guest that takes too long, goes off or never starts is a failure") func guestTakesToo() throws {
    let slow = try boot("printf '\\033[2J1\\n'; exec sleep 600", "--until login: --timeout 1")
    #expect(slow.status == Failure.Code.guest.rawValue, "\(slow)")
    #expect(slow.errors.contains("the console of vm1 did not show 'login:' within 1 s; the last lines:\n"), "\(slow)")
    #expect(slow.errors.contains("| \\x1b[2J1\n"))
    let off = try boot("echo 'Power down'", "--until login:")
    #expect(off.status == Failure.Code.guest.rawValue, "\(off)")
    #expect(off.errors.contains("vm1 went off before its console showed 'login:'; the last lines:\n"), "\(off)")
    let broken = try boot("echo 'no such machine' >&2; exit 1", "--until login:")
    #expect(broken.status == Failure.Code.tool.rawValue, "\(broken)")
    #expect(broken.errors.contains("qemu ended with exit status 1: no such machine"), "\(broken)")
  }

  @Test("where qemu is missing, its package is named", arguments: ["", "--until login:"])
  func missing(_ options: String) throws {
    try withScratch { folder in
      try folder.define("one")
      try TestHost(folder).create()
      let outcome = try bash(
        """
        cd '\(folder.path)'
        PATH='\(folder.folder("empty"))' '\(program)' instance boot vm1 --state state --accelerator tcg \(options) </dev/null
        """)
      #expect(outcome.status == Failure.Code.tool.rawValue, "\(outcome)")
      #expect(outcome.errors.contains("install the Debian package qemu-system-x86"), "\(outcome)")
    }
  }

  @Test("what cannot be meant is refused", arguments: ["--until ''", "--timeout 5", "--until a --timeout 0"])
  func cannotMeantRefused(_ options: String) throws {
    #expect(try boot("true", options).status == Failure.Code.usage.rawValue)
  }
}
