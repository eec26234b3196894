// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension EndToEnd {
  @Suite("Instances that boot, by instance boot")
  struct InstanceBoots {
    /// Boots an instance until its console shows some words, and ends it.
    private func boot(_ name: String, until words: String, in scratch: Scratch) throws -> Outcome {
      try bash(
        """
        cd '\(scratch.path)'
        '\(program)' instance boot \(name) --state state </dev/null >console 2>&1 & pid=$!
        for i in {1..3000}; do
          grep -qaF '\(words)' console && break
          kill -0 $pid 2>/dev/null || { echo 'it ended'; break; }
          sleep 0.1
        done
        kill $pid 2>/dev/null; wait $pid
        grep -aF '\(words)' console || tail -n 20 console
        """)
    }

    @Test func `a guest of ours comes up with its own kernel, and asks for a login`() throws {
      try withScratch { scratch in
        _ = try InstalledDefinition(in: scratch)
        try succeeded(
          bash(
            """
            cd '\(scratch.path)' && '\(program)' instance create vm7.example.com -o guestsmith --search-path os \\
              --state state --log-dir log --disk 0:size=2G --disk 1:size=64M -B memory=512M
            """))
        let outcome = try boot("vm7.example.com", until: "vm7 login:", in: scratch)
        #expect(outcome.output.contains("vm7 login:"), "\(outcome)")
      }
    }

    @Test func `a disk with a boot loader of its own is started by that`() throws {
      try withScratch { scratch in
        // Sixteen bits: writes the text behind it to the first serial port, and halts.
        let code: [UInt8] = [
          0x31, 0xC0, 0x8E, 0xD8, 0xBE, 0x15, 0x7C, 0xAC, 0x84, 0xC0, 0x74, 0x06, 0xBA, 0xF8, 0x03, 0xEE, 0xEB, 0xF5,
          0xF4, 0xEB, 0xFD,
        ]
        var sector = code + Array("the loader of the disk\r\n".utf8)
        sector += [UInt8](repeating: 0, count: 510 - sector.count) + [0x55, 0xAA]
        let disk = try scratch.write(sector, to: "whole.img")
        try shell("truncate -s 16M '\(disk)'")
        try succeeded(
          bash(
            """
            cd '\(scratch.path)' && '\(program)' instance create whole -o tiny-10 --no-install --state state \\
              --search-path '\(#filePath.dropLast("/Tests/CommandsTests/InstanceBootTests.swift".count))/Examples' \\
              --disk 0:adopt='\(disk)' -B memory=64M
            """))
        let outcome = try boot("whole", until: "the loader of the disk", in: scratch)
        #expect(outcome.output.contains("the loader of the disk\r\n"), "\(outcome)")
      }
    }
  }
}
