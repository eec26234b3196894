// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

/// The commands over a cache without a real image.
@Suite struct ImageCommandTests {
  private func run(_ arguments: String, in scratch: Scratch) throws -> Outcome {
    if try bash("test -e '\(scratch("guestsmith.toml"))'").status != 0 {
      try scratch.write("cache = \"\(scratch("cache"))\"\ncache_max_size = \"1G\"\n", to: "guestsmith.toml")
    }
    return try bash("'\(program)' image \(arguments) --config '\(scratch.path)'")
  }

  @Test("an empty cache is no error") func anEmptyCacheIsNoError() throws {
    try withScratch { scratch in
      let list = try run("list", in: scratch)
      #expect(list.status == 0, "\(list)")
      #expect(
        list.output == "Image  Release or source  Verified  Built  Age  Last used  Used  On disk  Packages  State\n")
      #expect(try run("list --json", in: scratch).output == "[]\n")
      #expect(try run("verify --json", in: scratch).output == "[]\n")
      #expect(try run("prune", in: scratch).output == "0 B in 0 images freed\n")
      let show = try run("show", in: scratch)
      #expect(show.status == Failure.Code.invalid.rawValue)
      #expect(show.errors.contains("is not in the cache \(scratch("cache"))"), "\(show)")
      #expect(try run("show ab", in: scratch).errors.contains("no image begins with 'ab'"))
    }
  }

  @Test("a broken image is listed found and pruned") func brokenImageListed() throws {
    try withScratch { scratch in
      let key = String(repeating: "ab", count: 32)
      try scratch.write("{}", to: "cache/images/\(key)/manifest.json")
      let list = try run("list", in: scratch)
      #expect(list.output.contains("broken: manifest.json: format is missing"), "\(list)")
      let listed = try JSON(parsing: Array(run("list --json", in: scratch).output.utf8))
      #expect(listed.array?[0]["state"] == "broken")
      #expect(listed.array?[0]["key"]?.string == key)
      let verify = try run("verify", in: scratch)
      #expect(verify.status == 1)
      #expect(verify.output.hasPrefix("\(key)  broken: "), "\(verify)")
      #expect(try run("show abab", in: scratch).status == 1)
      #expect(try run("prune --dry-run", in: scratch).output.hasSuffix("in 1 images would be freed\n"))
      let pruned = try JSON(parsing: Array(run("prune --json", in: scratch).output.utf8))
      #expect(pruned["pruned"]?.array?[0]["reason"] == "broken")
      #expect(try run("list --json", in: scratch).output == "[]\n")
    }
  }

  @Test("the image that was fetched for the configuration is shown, and before that the way to it")
  func fetchedImage() throws {
    try withScratch { scratch in
      try scratch.write("one\n", to: "tree/etc/os-release")
      try shell(
        """
        cd '\(scratch.path)'; truncate -s 40M disk.raw
        printf 'label: gpt\\n1: start=2048 size=65536 type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\\n' | /sbin/sfdisk -q disk.raw
        mke2fs -q -F -t ext4 -d tree -E offset=1048576 disk.raw 32768k
        """)
      try scratch.write(
        """
        cache = "\(scratch("cache"))"
        image = "\(scratch("disk.raw"))"
        verify = "none"
        \(sandboxLine)
        """, to: "guestsmith.toml")
      let missing = try run("show", in: scratch)
      #expect(missing.status == Failure.Code.invalid.rawValue, "\(missing)")
      #expect(missing.errors.contains("is not in the cache \(scratch("cache"))"), "\(missing)")
      #expect(missing.errors.contains("fetch it with guestsmith image pull"), "\(missing)")
      let pulled = try run("pull --json", in: scratch)
      #expect(pulled.status == 0, "\(pulled)")
      let key = try #require(JSON(parsing: pulled.bytes)["key"]?.string)
      let shown = try run("show --json", in: scratch)
      #expect(shown.status == 0, "\(shown)")
      #expect(try JSON(parsing: shown.bytes)["key"]?.string == key)
      #expect(try run("show", in: scratch).output.contains(key))
    }
  }

  @Test("a configuration that is named must be there") func configurationNamedMust() throws {
    try withScratch { scratch in
      let outcome = try bash("'\(program)' image list --config '\(scratch("nowhere"))'")
      #expect(outcome.status == Failure.Code.invalid.rawValue)
      #expect(outcome.errors.contains("cannot read \(scratch("nowhere"))/guestsmith.toml"), "\(outcome)")
    }
  }
}

extension EndToEnd {
  @Suite("The commands over the image that guests were made from")
  struct ImageCommands {
    @Test("the image is built shown and whole") func theImageIsBuiltShownAndWhole() throws {
      try withScratch { scratch in
        let definition = try InstalledDefinition(in: scratch)
        func run(_ arguments: String) throws -> Outcome {
          try bash("'\(program)' image \(arguments) --config '\(definition.folder)'")
        }
        _ = try template()
        let built = try run("build --quiet --json")
        try succeeded(built)
        #expect(built.errors == "")
        // One of each kind: its hosts say for each guest whether it boots by itself.
        let images = try #require(JSON(parsing: Array(built.output.utf8)).array)
        #expect(images.count == 2)
        let image = images[0]
        #expect(image["built"] == false)
        let (key, path) = (try #require(image["key"]?.string), try #require(image["path"]?.string))
        #expect(try problems(of: path) == nil)

        let manifest = try JSON(parsing: Array(run("show --json").output.utf8))
        #expect(manifest["key"]?.string == key)
        let names = try #require(manifest["packages"]?.array).compactMap { $0["name"]?.string }
        #expect(names.contains("apt") && names.contains("openssh-server") && names.contains("systemd"))
        #expect(try run("show \(key.prefix(8))").output.contains(path))
        #expect(try run("list").output.contains(key.prefix(12)))

        let verified = try run("verify \(key) --json")
        #expect(verified.status == 0, "\(verified)")
        #expect(try JSON(parsing: Array(verified.output.utf8)).array?[0]["whole"] == true)

        // What is one machine's does not go into the image of all guests.
        for file in ["/etc/hostname", "/etc/ssh/ssh_host_ed25519_key", "/etc/dpkg/dpkg.cfg.d/00guestsmith"] {
          #expect(try guestFile(file, on: path) == nil, "\(file)")
        }
        #expect(try guestFile("/etc/apt/sources.list.d/debian.sources", on: path)?.contains("Types: deb") == true)
      }
    }
  }
}
