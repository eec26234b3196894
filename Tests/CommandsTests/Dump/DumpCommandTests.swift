// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension Dumps {
  @Suite("Looking into a dump")
  struct Looking {
    private func guestsmith(_ arguments: String) throws -> Outcome { try bash("'\(program)' dump \(arguments)") }

    private func json(_ arguments: String) throws -> JSON {
      let outcome = try guestsmith(arguments)
      try EndToEnd.succeeded(outcome)
      return try JSON(parsing: Array(outcome.output.utf8))
    }

    @Test("What it says of itself, packed or not, and a map on a terminal")
    func info() throws {
      try withBench { bench in
        try bench.export()
        try shell("gzip -k '\(bench.dump)'")
        let outcome = try guestsmith("info '\(bench.dump)' '\(bench.dump).gz'")
        for word in ["vm1.example.com", "96 MiB (100663296 bytes)", "ext4 at byte 0", "packed by gzip"] {
          #expect(outcome.output.contains(word), "\(outcome)")
        }
        #expect(!outcome.output.contains("█"))
        let told = try json("info --json '\(bench.dump).gz'")
        #expect(told.array?.first?["packing"]?.string == "gzip")
        #expect(told.array?.first?["manifest"]?["disk"]?["size"]?.integer == 96 << 20)
        let line = "stty cols 60; '\(program)' dump info '\(bench.dump)'"
        let terminal = try bash("script --quiet --command \"\(line)\" /dev/null </dev/null")
        let map = terminal.output.split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
        #expect(map.count == 60 && map.allSatisfy { "·▁▂▃▄▅▆▇█".contains($0) }, "\(terminal)")
        let foreign = try guestsmith("info '\(bench.guest)'")
        #expect(foreign.status == Failure.Code.dump.rawValue, "\(foreign)")
      }
    }

    @Test("A hundred damaged copies are all refused, and the good one is not")
    func verify() throws {
      try withBench(size: 12 << 20) { bench in
        try shell("mke2fs -q -F -t ext4 -b 1024 '\(bench.guest)'; head -c 5M /dev/urandom > '\(bench.scratch("r"))'")
        try shell("debugfs -w -R 'write \(bench.scratch("r")) r' '\(bench.guest)' 2>/dev/null")
        try bench.export()
        let good = try readFile(bench.dump)
        for number in 0..<100 {
          var copy = good
          let place = Int.random(in: good.indices)
          if number % 2 == 0 { copy[place] ^= 1 << UInt8.random(in: 0..<8) } else { copy = Array(copy[..<place]) }
          try bench.scratch.write(copy, to: "damaged/\(number)")
        }
        let outcome = try guestsmith("verify --quiet --json '\(bench.dump)' '\(bench.scratch("damaged"))'/*")
        #expect(outcome.status == Failure.Code.dump.rawValue)
        let told = try #require(JSON(parsing: Array(outcome.output.utf8)).array)
        #expect(told.count == 101)
        #expect(told.map { $0["good"] } == [.bool(true)] + [JSON](repeating: .bool(false), count: 100))
        #expect(outcome.errors.contains("100 of 101 dumps are damaged or unreadable"), "\(outcome.errors)")
        let piped = try bash("gzip < '\(bench.dump)' | '\(program)' dump verify -")
        #expect(piped.status == 0 && piped.output.contains("good, SHA-256"), "\(piped)")
      }
    }

    @Test("The files as ls lists them, and as JSON")
    func list() throws {
      try withBench { bench in
        try bench.export()
        let listed = try guestsmith("list '\(bench.dump)' /usr")
        let ls = try withMounted(bench.guest) { root in
          try shell("cd '\(root)/usr'; TZ=UTC ls -lA --time-style=+%FT%TZ | tail -n +2").split(separator: "\n")
        }
        func words(_ lines: [Substring]) -> [String] {
          lines.map {
            $0.split(separator: " ").joined(separator: " ").replacing(".", with: "").replacing("+", with: "")
          }
          .sorted()
        }
        #expect(words(listed.output.split(separator: "\n")) == words(ls))
        let all = try #require(json("list --recursive --json '\(bench.dump)'").array)
        let found = try withMounted(bench.guest) { try shell("find '\($0)' -mindepth 1 -printf . | wc -c") }
        #expect("\(all.count)" == found)
        #expect(try guestsmith("list '\(bench.dump)' /dev/null").output.hasPrefix("crw-r--r-- 1 root root 1, 3 "))
        let missing = try guestsmith("list '\(bench.dump)' /none")
        #expect(missing.status == Failure.Code.guest.rawValue, "\(missing)")
      }
    }

    @Test("Files and trees come out as they are in the guest", arguments: ["", ".gz"])
    func extract(packed: String) throws {
      try withBench { bench in
        try bench.export()
        if packed == ".gz" { try shell("gzip '\(bench.dump)'") }
        let target = try bench.scratch.folder("out")
        let dump = "'\(bench.dump)\(packed)'"
        try EndToEnd.succeeded(guestsmith("extract --quiet \(dump) / --to '\(target)' --preserve"))
        let original = try withMounted(bench.guest) { try Tree(of: $0) }
        let differences = try Tree(of: target).differences(from: original, allowed: ["."])
        #expect(differences == [])
        try EndToEnd.succeeded(guestsmith("extract -q \(dump) /usr/bin/ping /absolute --to '\(bench.scratch.path)'"))
        #expect(try shell("stat -c '%a %U' '\(bench.scratch("ping"))'") == "755 root", "no set-id bits")
        #expect(try shell("readlink '\(bench.scratch("absolute"))'") == "/etc/passwd")
        let again = try guestsmith("extract -q \(dump) /usr/bin/ping --to '\(bench.scratch.path)'")
        #expect(again.status == Failure.Code.io.rawValue && again.errors.contains("File exists"), "\(again)")
        let plain = try bench.scratch.folder("plain")
        let outcome = try guestsmith("extract \(dump) /dev --to '\(plain)'")
        #expect(outcome.errors.contains("without 3 devices"), "\(outcome)")
      }
    }

    @Test("A packed dump is searched by its name alone; from standard input and from a pipe it says so")
    func packedInput() throws {
      try withBench { bench in
        try bench.export()
        try shell("gzip -k '\(bench.dump)'")
        for line in ["list - <'\(bench.dump).gz'", "list <(cat '\(bench.dump).gz')"] {
          let outcome = try guestsmith(line)
          #expect(outcome.status == Failure.Code.invalid.rawValue, "\(outcome)")
          #expect(outcome.errors.contains("is packed, and only a file that is named can be unpacked"), "\(outcome)")
          #expect(outcome.errors.contains("a pipe can't be searched"), "\(outcome)")
        }
        try EndToEnd.succeeded(guestsmith("list '\(bench.dump).gz'"))
        try EndToEnd.succeeded(guestsmith("list - <'\(bench.dump)'"))
      }
    }

    @Test("What can't be brought to the disk, of an extraction and of a dump that goes to a file, is a failure")
    func unflushed() throws {
      try withBench { bench in
        try bench.export()
        // A worker that is confined may not be made to fail: only what is said of that path is.
        func run(failing call: String, on path: String, _ line: String) throws -> Outcome {
          try bash("strace -f -qq -o /dev/null -e signal=none -P '\(path)' -e inject=\(call):error=EIO \(line)")
        }
        let target = try bench.scratch.folder("out")
        // Few files are flushed by themselves, and many with all of their filesystem.
        for (call, path) in [("fsync", "/etc/hostname"), ("syncfs", "/many")] {
          let extraction = try run(
            failing: call, on: target, "'\(program)' dump extract -q '\(bench.dump)' \(path) --to '\(target)'")
          #expect(extraction.status == Failure.Code.io.rawValue, "\(extraction)")
        }
        let dump = bench.scratch("again")
        let line = "'\(bench.definition.folder)/export' -i vm1.example.com -b '\(bench.guest)' >'\(dump)'"
        let export = try run(failing: "fsync", on: dump, line)
        #expect(export.status == Failure.Code.io.rawValue, "\(export)")
        #expect(export.errors.contains("standard output"), "\(export)")
      }
    }

    @Test("A guest's link in the way of a folder, and a name with a slash, lead nowhere")
    func hostile() throws {
      // Without checksums of folders, so that names can be changed on the disk.
      try withBench(type: "ext2") { bench in
        let outside = try bench.scratch.folder("outside")
        _ = try withMounted(bench.guest, options: "rw") { root in
          try shell(
            """
            cd '\(root)'; mkdir -p one/aaaa two/aaaa three/..x; echo x > one/aaaa/file; echo x > two/aaaa/file
            ln -s '\(outside)' one/bbbb; rm -r two/aaaa; ln -s '\(outside)' two/aaaa; mkdir two/bbbb; echo x > two/bbbb/file
            """)
        }
        // A link and a folder get the same name, in either order; and a name gets a slash.
        try shell(#"perl -0777 -pi -e 's/bbbb/aaaa/g; s/\.\.x/..\//g' '\#(bench.guest)'"#)
        try bench.export()
        for (name, code, words) in [
          ("one", Failure.Code.io, "File exists"), ("two", .io, "File exists"), ("three", .guest, "no file can have"),
        ] {
          let target = try bench.scratch.folder("out/\(name)")
          let outcome = try guestsmith("extract -q '\(bench.dump)' /\(name) --to '\(target)'")
          #expect(outcome.status == code.rawValue && outcome.errors.contains(words), "\(outcome)")
          #expect(try shell("ls -A '\(outside)'; ls -A '\(bench.scratch("out"))/\(name)'") == name)
        }
      }
    }

    @Test("Names that are not text are shown escaped, and extracted and compared as they are")
    func oddNames() throws {
      try withBench { bench in
        try bench.export()
        let listed = try guestsmith("list --recursive '\(bench.dump)' /odd")
        let text = try #require(String(validating: listed.bytes, as: UTF8.self))
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines.allSatisfy { $0.escaped == $0 }, "\(listed)")
        for name in [#"caf\xe9"#, #"caf\xe8"#, #"new\nline"#, #"\x1b[31mred"#, #"back\\slash"#, #"\xe2\x80\xaegpj"#] {
          #expect(lines.contains { $0.hasSuffix(" /odd/" + name) }, "\(name) in \(listed)")
        }
        #expect(lines.contains { $0.hasSuffix(#" /odd/link\xe9 -> caf\xe8"#) }, "\(listed)")
        let found = try withMounted(bench.guest) { try shell("find '\($0)/odd' -mindepth 1 -printf . | wc -c") }
        #expect("\(Set(lines).count)" == found)
        let told = try #require(json("list --recursive --json '\(bench.dump)' /odd").array)
        #expect(Set(told.compactMap { $0["path"]?.string.map { Array($0.utf8) } }).count == told.count)
        #expect(
          told.contains { $0["pathBytes"]?.string == "2f6f64642f636166e9" && $0["path"]?.string == #"/odd/caf\xe9"# })
        #expect(told.contains { $0["path"]?.string == "/odd/new\nline" && $0["pathBytes"] == .null })

        let target = try bench.scratch.folder("out")
        try EndToEnd.succeeded(
          guestsmith(#"extract -q '\#(bench.dump)' $'/odd/caf\xe9' $'/odd/folder\xe8' /odd/-rf --to '\#(target)'"#))
        #expect(
          try shell("cd '\(target)'; find . -mindepth 1 | LC_ALL=C sort | LC_ALL=C sed -n l")
            == #"./-rf$|./caf\351$|./folder\350$|./folder\350/folder\350$"#.replacing("|", with: "\n"))
        let missing = try guestsmith(#"extract -q '\#(bench.dump)' $'/odd/caf\xea\e[2J' --to '\#(target)'"#)
        #expect(missing.status == Failure.Code.guest.rawValue)
        #expect(missing.errors.contains(#"'/odd/caf\xea\x1b[2J' is not in"#), "\(missing)")

        let first = bench.scratch("first.dump")
        try shell("mv '\(bench.dump)' '\(first)'")
        _ = try withMounted(bench.guest, options: "rw") { root in
          try EndToEnd.succeeded(
            bash(#"cd '\#(root)/odd' && echo more >> $'caf\xe8' && rm $'folder\xe9/folder\xe9' K"#))
        }
        try bench.export()
        let outcome = try guestsmith("diff --quiet '\(first)' '\(bench.dump)'")
        for line in [#"~ /odd/caf\xe8  "#, #"~ /odd/hard\xe8  "#, #"- /odd/folder\xe9/folder\xe9"#, "- /odd/K"] {
          #expect(outcome.output.contains(line), "\(line) in \(outcome)")
        }
        #expect(!outcome.output.contains(#"caf\xe9"#) && !outcome.output.contains(#"folder\xe8"#), "\(outcome)")
      }
    }

    @Test("What differs between two dumps, and nothing between a dump and itself")
    func diff() throws {
      try withBench { bench in
        try bench.export()
        let first = bench.scratch("first.dump")
        try shell("mv '\(bench.dump)' '\(first)'")
        _ = try withMounted(bench.guest, options: "rw") { root in
          try shell(
            """
            cd '\(root)'; rm -r many; mkdir -p new/folder; echo x > new/file; chmod 600 etc/hosts; chown 5:6 etc/group
            printf 'y' | dd of=usr/random bs=1 seek=1000000 conv=notrunc status=none; echo more >> usr/numbers
            ln -sfn /elsewhere absolute; setfattr -n user.other -v 1 usr/empty; rm sbin -r; echo file > sbin
            touch -d '2024-05-06 07:08:09' usr/random usr/numbers etc usr absolute . 2>/dev/null; true
            """)
        }
        try bench.export()
        let outcome = try guestsmith("diff --quiet '\(first)' '\(bench.dump)'")
        #expect(outcome.status == 0)
        let lines = Set(outcome.output.split(separator: "\n").map(String.init))
        for line in [
          "- /many", "- /many/a-file-with-a-rather-long-name-to-fill-blocks-7", "+ /new", "+ /new/file",
          "+ /new/folder",
          "~ /etc/hosts  mode 0644 → 0600", "~ /etc/group  owner 0:0 → 5:6", "~ /usr/random  content",
          "~ /usr/numbers  content, 1288895 → 1288900 bytes", "~ /usr/empty  attributes", "~ /sbin  folder → file",
        ] {
          #expect(lines.contains(line), "\(line) in \(outcome)")
        }
        #expect(lines.contains { $0.hasPrefix("~ /absolute") && $0.contains("'/etc/passwd' → '/elsewhere'") })
        #expect(lines.filter { !$0.contains("/many") }.count == 10, "\(outcome)")
        #expect(try json("diff --json --quiet '\(first)' '\(first)'") == .array([]))
      }
    }
  }
}
