// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("What verify says of parameters, and what scripts say of a wrong environment")
struct Verify {
  private func withDefinition(
    configuration: String = "", variants: [String: String] = [:], _ body: (EnvironmentDefinition) throws -> Void
  ) throws {
    try withScratch { scratch in
      try body(
        EnvironmentDefinition(in: scratch, cache: scratch("cache"), configuration: configuration, variants: variants))
    }
  }

  @Test("Good ones are a success without a word, and need no disk")
  func good() throws {
    try withDefinition(variants: ["debian-12": "suite = \"bookworm\"\n"]) { definition in
      for parameters in [
        [:],
        [
          "OSP_SUITE": "trixie", "OSP_FILESYSTEM": "ext3", "OSP_BLOCK_SIZE": "1024", "OSP_PACKAGES": "less,vim",
          "OSP_DISK_1": "swap", "OSP_DISK_2": "data:/srv", "OSP_ROOT_PASSWORD_HASH": "$6$salt$hash",
          "OSP_SSH_KEYS": "ssh-ed25519 AAAAC3 me; ssh-rsa AAAAB3 you", "OSP_REINSTALL_KEEP": "",
          "OSP_ADDRESS": "static",
          "OSP_KERNEL": "none", "OSP_TIMEZONE": "Europe/Zurich", "OSP_WIPE": "zero", "OSP_COMPRESSION": "none",
        ],
      ] as [[String: String]] {
        let outcome = try definition.verify(parameters, variant: "debian-12")
        #expect(outcome.status == 0 && outcome.output == "" && outcome.errors == "", "\(outcome)")
      }
    }
  }

  @Test("Every fault is one line, and no secret is in any of them")
  func bad() throws {
    try withDefinition(configuration: "threads = 999\n", variants: ["debian-12": ""]) { definition in
      let outcome = try definition.verify(
        [
          "OSP_BLOCK_SIZE": "3000", "OSP_FILESYSTEMS": "ext4", "OSP_DISK_1": "data:relative",
          "OSP_ROOT_PASSWORD_HASH": "hunter2", "OSP_SSH_KEYS": "-----BEGIN OPENSSH PRIVATE KEY----- hunter2",
          "OSP_MIRROR": "http://me:hunter2@x y/", "OSP_CACHE": "/etc", "OSP_LABEL": "two\nlines",
        ], variant: "debian-99")
      #expect(outcome.status == Failure.Code.invalid.rawValue && outcome.output == "")
      let lines = outcome.errors.split(separator: "\n").map(String.init)
      #expect(lines.count == 10, "\(outcome.errors)")
      for words in [
        "threads = 999", "unknown variant 'debian-99'", "the known ones are: debian-12", "block_size = 3000",
        "unknown key 'filesystems', the nearest known one is filesystem", "disk_1 = \"data:relative\"",
        "root_password_hash must be", "ssh_keys must be", "mirror must be", "cache cannot be set for one instance",
        "label = \"two\\u000alines\"",
      ] {
        #expect(lines.count { $0.contains(words) } == 1, "\(words) in \(outcome.errors)")
      }
      #expect(!outcome.errors.contains("hunter2"))
    }
  }

  @Test("What is right by itself and wrong together, or impossible on this machine, is found too")
  func together() throws {
    try withDefinition { definition in
      for (parameters, words) in [
        (["OSP_DISK_1": "swap", "OSP_DISK_2": "swap"], "a guest has one swap disk"),
        (["OSP_INODE_RATIO": "1024"], "inode_ratio = 1024"),
        (
          ["OSP_SUITE": "jammy", "OSP_MIRROR": "http://m.example/ubuntu", "OSP_KEYRING": "/nonexistent/ubuntu-k.gpg"],
          "run apt-get install ubuntu-keyring"
        ),
      ] {
        let outcome = try definition.verify(parameters)
        #expect(outcome.status == Failure.Code.invalid.rawValue && outcome.errors.contains(words), "\(outcome)")
        #expect(outcome.errors.split(separator: "\n").count == 1)
      }
    }
  }

  @Test("A call that is none of verify's is the usage")
  func calls() throws {
    try withDefinition { definition in
      for (variables, arguments) in [
        (EnvironmentDefinition.base, ""), (EnvironmentDefinition.base, "disks"),
        (EnvironmentDefinition.base, "parameters more"), (["PATH": "/bin"], "parameters"),
      ] {
        let outcome = try definition.call("verify", variables, arguments: arguments)
        #expect(outcome.status == Failure.Code.usage.rawValue && outcome.errors.contains("usage: verify parameters"))
      }
      let help = try definition.call("verify", [:], arguments: "--help")
      #expect(help.status == 0 && help.output.hasPrefix("usage: verify parameters"))
    }
  }

  @Test("A script that misses a variable, or finds a wrong one, names it and its value")
  func environment() throws {
    try withDefinition { definition in
      let instance = EnvironmentDefinition.instance("vm1.example.com", disks: ["/nonexistent"])
      for (script, changes, words) in [
        ("create", ["INSTANCE_NAME": ""], "INSTANCE_NAME is empty"),
        ("create", ["INSTANCE_NAME": "../x"], "INSTANCE_NAME: '../x' is not the name of an instance"),
        ("create", ["DISK_0_ACCESS": "r"], "DISK_0_ACCESS is 'r', must be rw or ro"),
        ("rename", [:], "OLD_INSTANCE_NAME is not in the environment"),
        ("export", [:], "EXPORT_INDEX is not in the environment"),
        ("import", ["IMPORT_INDEX": "7"], "IMPORT_INDEX is '7', must be less than DISK_COUNT, which is 1"),
        ("create", ["OS_API_VERSION": "25"], "OS_API_VERSION is '25', must be 5, 10, 15 or 20"),
      ] as [(String, [String: String], String)] {
        let outcome = try definition.call(script, instance.merging(changes) { $1 })
        #expect(outcome.status == Failure.Code.invalid.rawValue && outcome.errors.contains(words), "\(outcome)")
        #expect(outcome.output == "")
      }
      let both = try definition.call("create", instance, arguments: "-i vm1 -b /x -s /y")
      #expect(both.status == Failure.Code.usage.rawValue && both.errors.contains("takes no arguments"))
    }
  }
}
