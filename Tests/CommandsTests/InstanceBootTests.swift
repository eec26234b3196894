// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension EndToEnd {
  @Suite("Instances that boot, by instance boot")
  struct InstanceBoots {
    @Test("a guest of ours comes up with its own kernel, asks for a login, and runs the scripts of its first boot")
    func guestOursComes() throws {
      try withScratch { scratch in
        let scripts = try [
          scratch.write(
            """
            #!/bin/sh
            echo "I am $(cat /etc/site) as $(id -un)"
            echo "its clock: $(systemctl is-enabled systemd-timesyncd) $(systemctl is-active systemd-timesyncd)"

            """, to: "hello", mode: 0o755),
          scratch.write("#!/bin/sh\nexit 3\n", to: "failing", mode: 0o755),
          scratch.write("#!/bin/sh\necho the third\n", to: "later", mode: 0o755),
        ]
        try scratch.write("{{ fqdn }}\n", to: "files/etc/site.tmpl")
        // Its prompt comes when they have run.
        try scratch.write(
          "[Unit]\nAfter=guestsmith-first-boot.service\n",
          to: "files/etc/systemd/system/serial-getty@.service.d/after.conf")
        _ = try InstalledDefinition(
          in: scratch,
          configuration: """
            files = "\(scratch("files"))"
            first_boot = ["\(scripts.joined(separator: "\", \""))"]

            """)
        try succeeded(
          bash(
            """
            cd '\(scratch.path)' && '\(program)' instance create vm7.example.com -o guestsmith --search-path os \\
              --state state --log-dir log --disk 0:size=2G --disk 1:size=64M -B memory=512M
            """))
        let disk = scratch("state/instances/vm7.example.com/disk0")
        let before = try digest(of: disk)
        let outcome = try bash(
          "cd '\(scratch.path)' && '\(program)' instance boot vm7.example.com --state state --until 'vm7 login:'")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output.contains("vm7 login:"))
        #expect(outcome.output.contains("I am vm7.example.com as root"))
        #expect(outcome.output.contains("its clock: enabled active"))
        #expect(outcome.output.contains("guestsmith: first boot: 02-failing failed with exit status 3"))
        #expect(!outcome.output.contains("the third"))
        #expect(try digest(of: disk) == before, "nothing was written to it")
        // Under an ordinary qemu it comes to the same, whatever this machine's KVM is.
        #expect(outcome.errors.contains("emulating the processor") == outcome.errors.hasSuffix(" s, emulated\n"))
      }
    }

    @Test("a drill restores an export of Ganeti, and the guest comes up; an instance is not left of it")
    func drillComesUp() throws {
      try withScratch { scratch in
        _ = try InstalledDefinition(in: scratch)
        try scratch.write(
          """
          [export]
          version = 0
          timestamp = 1700000000
          source = node1
          os = guestsmith
          compression = gzip
          [instance]
          name = vm1.example.com
          maxmem = 512
          minmem = 512
          vcpus = 1
          disk_count = 2
          disk0_size = \(roomy >> 20)
          disk0_ivname = disk/0
          disk0_dump = sda.dump
          disk1_size = 64
          disk1_ivname = disk/1
          nic_count = 1
          nic0_mac = aa:00:00:11:22:33
          nic0_link = br0
          """, to: "export/config.ini")
        try shell("cp --reflink=auto '\(template().dump)' '\(scratch("export/sda.dump"))'")
        let outcome = try bash(
          """
          cd '\(scratch.path)' && '\(program)' backup drill export/ --search-path os --state state --log-dir log \\
            --console console
          """)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output.hasPrefix("vm1.example.com: restored in "))
        #expect(try scratch.read("console").contains("drill-vm1 login:"))
        #expect(try shell("ls -A '\(scratch("state/instances"))'") == "")
      }
    }

    @Test("a disk with a boot loader of its own is started by that") func diskBootLoader() throws {
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
              --search-path '\(examples)' \\
              --disk 0:adopt='\(disk)' -B memory=64M
            """))
        let outcome = try bash(
          "cd '\(scratch.path)' && '\(program)' instance boot whole --state state --until 'the loader of the disk'")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output.contains("the loader of the disk"))
      }
    }
  }
}
