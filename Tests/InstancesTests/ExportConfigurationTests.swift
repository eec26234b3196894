// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Instances
import Interface
import Report
import TestSupport
import Testing

/// What an export says of its instance in config.ini.
extension BackupTests {
  @Test("what names the machine's files in a stranger's export is told and dropped") func namesMachineFiles() throws {
    try withScratch { folder in
      let host = try host(folder)
      let path = try host.node().exportBackup(of: filled(host).name)
      let named = [
        "kernel_path = /etc/shadow", "initrd_path = shadow", "kernel_args = init=/bin/sh", "root_path = /dev/vda1",
        "cdrom_image_path = a.iso", "vnc_password_file = x", "vif_script = x", "kvm_extra = -chardev x",
        "bootloader_args = x", "vnc_bind_address = /run/vnc", "device_model = x", "usb_devices = x", "xen_cmd = xl",
      ]
      let kept = ["serial_console = True", "boot_order = cd", "vhost_net = False"]
      try folder.write(
        (["[hypervisor]"] + named + kept).joined(separator: "\n") + "\n", to: "more")
      try shell("sed -i '/^\\[hypervisor\\]/d' '\(path)/config.ini' && cat '\(folder("more"))' >>'\(path)/config.ini'")
      let outcome = try host.program(
        "backup import vm2 --src-instance vm1 -H kernel_args=quiet \(TestHost.options)")
      #expect(outcome.status == 0, "\(outcome)")
      let vm2 = try host.state.instance(InstanceName("vm2"))
      #expect(
        vm2.hypervisorParameters == [
          "kernel_args": "quiet", "serial_console": "True", "boot_order": "cd", "vhost_net": "False",
        ])
      for line in named {
        let name = String(line.prefix { $0 != " " })
        #expect(outcome.errors.contains(name), "\(outcome)")
      }
      for line in kept { #expect(!outcome.errors.contains(String(line.prefix { $0 != " " }))) }
    }
  }

  @Test(
    "what would have root read the machine's files into the guest is told and dropped, unless it is given again",
    arguments: ["/etc/shadow", "file:///etc/shadow", "HTTP://192.0.2.1/latest"])
  func namesFilesForGuest(_ userData: String) throws {
    try withScratch { folder in
      let kept = [
        "ssh_keys": "ssh-ed25519 AAAA/BBBB= a@b", "source": "http://deb.debian.org/debian", "disk_1": "data:/srv",
        "reinstall_keep": "/etc/ssh/ssh_host_*",
      ]
      let dropped = ["keyring": "/root/key", "mirror": "File:/srv/debian", "key": "../../key", "user_data": userData]
      let names = (Array(kept.keys) + Array(dropped.keys)).map { "\($0) help\n" }.joined()
      try folder.define("one", version: "20\n", scripts: Self.scripts, files: ["parameters.list": names])
      let host = TestHost(folder)
      let path = try host.node().exportBackup(of: filled(host).name)
      let lines = kept.map { "\($0.key) = \($0.value)" }
      let hidden = dropped.map { "\($0.key) = \($0.value)" }
      try folder.write((["[os]"] + lines + ["[os_private]"] + hidden).joined(separator: "\n") + "\n", to: "more")
      try shell("cd '\(path)'; sed -i '/^\\[os/d' config.ini; cat '\(folder("more"))' >>config.ini")
      let outcome = try host.program(
        "backup import vm2 --src-instance vm1 -O keyring=/srv/key \(TestHost.options)")
      #expect(outcome.status == 0, "\(outcome)")
      let expected = kept.merging(["keyring": "/srv/key"]) { $1 }
      #expect(try host.state.instance(InstanceName("vm2")).parameters.mapValues(\.value) == expected)
      #expect(outcome.errors.contains(": key, keyring, mirror, user_data\n"), "\(outcome)")
      #expect(!outcome.errors.contains(userData), "\(outcome)")
    }
  }

  @Test("what is not known in config_ini is told, and no failure") func notKnownConfig() throws {
    try withScratch { folder in
      let host = try host(folder)
      try old(folder)
      try shell(
        "cd '\(folder("old"))'; sed -i 's/^vcpus/disk0_flavour = x\\nvcpus/' config.ini; printf '[future]\\na = b\\n' >> config.ini"
      )
      let outcome = try host.program("backup import vm1 --src-dir old \(TestHost.options)")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.errors.hasPrefix("not known here, and ignored in \(folder("old")): disk0_flavour, [future]\n"))
    }
  }

  @Test("config_ini is read by Ganeti's own parser as it is meant") func configIniRead() throws {
    try withScratch { folder in
      let host = try host(folder)
      var request = try host.request(disks: ["0:size=8,name=50% full", "1:size=4"])
      request.nics = [try NICTemplate(parsing: "0:ip=192.0.2.9,mac=aa:00:00:00:00:09,link=lan0")]
      request.backend = ["memory": "1G", "vcpus": "3"]
      try host.node().createInstance(request)
      try host.node().exportBackup(of: request.name)
      // The class that Ganeti reads it with is this one, and no more.
      let told = try shell(
        """
        /usr/bin/python3 -c '
        import configparser, sys
        p = configparser.ConfigParser()
        p.read(sys.argv[1])
        i = p["instance"]
        print(p["export"]["os"], p.getint("export", "version"), i["name"], p.getint("instance", "disk_count"))
        print(i["disk0_name"], p.getint("instance", "disk0_size"), i["disk1_dump"], i["nic0_mac"], i["nic0_link"])
        print(p["backend"]["maxmem"], p["backend"]["vcpus"], p.has_section("os"), p.has_section("hypervisor"))
        ' '\(folder("state/exports/vm1/config.ini"))'
        """)
      #expect(told == "one 0 vm1 2\n50% full 8 disk1.dump aa:00:00:00:00:09 lan0\n1024 3 True True")
    }
  }
}
