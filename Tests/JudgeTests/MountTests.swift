// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

/// What is mounted on the machine, in the judge's sandbox.
@Suite("Mounts in the judge's sandbox", .enabled(if: isRoot, "needs root"))
struct MountTests {
  /// Judges a copy of an example with `create` at the end of its create, in mounts of its own that `mounts` makes.
  private func judge(_ scratch: Scratch, mounts: String, create: String) throws -> Judged {
    let folder = try scratch.example("tiny-10")
    try shell("cat >>'\(folder)/create' <<'END'\n\(create)\nEND")
    try scratch.write(
      """
      cd '\(scratch.path)' && exec 3>&1 >&2
      \(mounts)
      exec '\(program)' "$@" >&3
      """, to: "in-mounts")
    return try Judged(
      folder, "--disk-size 64M",
      program: "unshare --mount --propagation private bash -e '\(scratch("in-mounts"))'")
  }

  private func seen(_ judged: Judged, in scratch: Scratch) -> [String: String] {
    let mounts = (judged.json["mounts"]?.array ?? []).compactMap { mount -> (String, String)? in
      guard let place = mount["place"]?.string, place.hasPrefix(scratch.path) else { return nil }
      return (String(place.dropFirst(scratch.path.count + 1)), mount["seen"]?.string ?? "")
    }
    return Dictionary(mounts, uniquingKeysWith: { $1 })
  }

  @Test("What cannot be under an overlay is read-only, and told; the kernel's filesystems are those of the sandbox")
  func covered() throws {
    try withScratch { scratch in
      let judged = try judge(
        scratch,
        mounts: """
          mkdir -p chroot/proc chroot/sys chroot/dev after format
          touch one
          mount -t proc proc chroot/proc
          mount -t sysfs sys chroot/sys
          mount --rbind /dev chroot/dev
          mount --bind /etc/hostname one
          mount -t binfmt_misc none format
          mount -t tmpfs none after
          mkdir after/below
          mount -t tmpfs none after/below
          """,
        create: """
          cd '\(scratch.path)'
          ! { echo x >one; } 2>/dev/null || echo 'one was written to' >&2
          ! { echo -1 >format/status; } 2>/dev/null || echo 'format was written to' >&2
          ls chroot/proc/1/root/\(scratch.path) >/dev/null || echo 'no proc' >&2
          [ "$(readlink chroot/proc/1/ns/pid)" = "$(readlink /proc/1/ns/pid)" ] || echo 'a proc of the machine' >&2
          cmp chroot/dev/null /dev/null || echo 'no dev' >&2
          [ -d chroot/sys/block ] || echo 'no sys' >&2
          echo x >after/mine
          echo x >after/below/mine
          exit 3
          """)
      #expect(
        seen(judged, in: scratch) == [
          "chroot/proc": "/proc of the sandbox, read-only", "chroot/sys": "/sys of the sandbox, read-only",
          "chroot/dev": "/dev of the sandbox", "one": "all of it, read-only", "format": "all of it, read-only",
        ], "\(judged.errors)")
      let evidence = judged.evidence("create.succeeds")
      #expect(evidence.contains("create ended with exit status 3"), "\(judged.failures)")
      for words in ["was written to", "no proc", "a proc of", "no dev", "no sys"] {
        #expect(!evidence.contains(words), "\(evidence)")
      }
      // Layers that come behind one that could not be made are as the others.
      let changes = judged.evidence("leaks.temporary-files")
      for name in ["after/mine", "after/below/mine"] { #expect(changes.contains("\(scratch(name)) was made")) }
    }
  }

  @Test("The disks of the machine cannot be reached through a folder of devices elsewhere")
  func devices() throws {
    try withScratch { scratch in
      let judged = try judge(
        scratch,
        mounts: """
          mkdir dev elsewhere
          mount --rbind /dev dev
          mount -t devtmpfs none elsewhere
          """,
        create: """
          cd '\(scratch.path)'
          for device in /sys/class/block/*; do
            case $device in */loop*) continue ;; esac
            for folder in dev elsewhere; do [ ! -b $folder/${device##*/} ] || echo "a disk: $folder/${device##*/}" >&2; done
          done
          exit 3
          """)
      #expect(judged.evidence("create.succeeds").contains("create ended with exit status 3"), "\(judged.failures)")
      #expect(!judged.evidence("create.succeeds").contains("a disk"), "\(judged.failures)")
    }
  }

  @Test("Names of mounts may have any character, and changes there are told and dropped")
  func names() throws {
    // In the words of bash, and as they are told.
    let names = [
      ("a b", "a b"), ("c,d", "c,d"), ("e:f", "e:f"), (#"g\\h"#, #"g\h"#), (#"i\nj"#, #"i\nj"#),
      (#"caf\xe9"#, #"caf\xe9"#),
      ("\u{e9}t\u{e9}", "\u{e9}t\u{e9}"),
    ]
    let words = names.map { "$'\($0.0)'" }.joined(separator: " ")
    try withScratch { scratch in
      let judged = try judge(
        scratch,
        mounts: "for name in \(words); do mkdir \"$name\"; mount -t tmpfs none \"$name\"; echo 1 >\"$name/file\"; done",
        create: """
          #!/bin/bash
          bash -c 'cd "$1"; for name in \(words.replacing("'", with: "'\\''")); do
            echo 2 >>"$name/file"; done' bash '\(scratch.path)'
          """)
      #expect(seen(judged, in: scratch) == [:], "\(judged.errors)")
      let changes = judged.evidence("leaks.temporary-files")
      for (_, name) in names {
        #expect(changes.contains("\(scratch(name))/file was changed"), "\(changes)")
      }
    }
  }

  @Test("A mount that another one hides is left alone")
  func hidden() throws {
    try withScratch { scratch in
      let judged = try judge(
        scratch,
        mounts: """
          mkdir place
          mount -t tmpfs none place
          mkdir place/inner
          mount --bind /proc/sys place/inner
          mount -t tmpfs none place
          """, create: "ls '\(scratch.path)/place' >&2; exit 3")
      #expect(seen(judged, in: scratch) == [:])
      #expect(!judged.evidence("create.succeeds").contains("inner"))
    }
  }

  @Test("The report tells of the mounts as a table and as a page")
  func report() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      let outcome = try bash(
        """
        cd '\(scratch.path)' && mkdir -p chroot/proc && unshare --mount --propagation private bash -c '
          mount -t proc proc chroot/proc
          exec "\(program)" os check "\(folder)" --quiet --disk-size 64M --html page'
        """)
      #expect(outcome.status == 0, "\(outcome)")
      // The machine may have mounts with longer names, which make the column wider.
      let line = outcome.output.split(separator: "\n").first { $0.hasPrefix(scratch("chroot/proc") + " ") }
      #expect(line?.hasSuffix("  proc  /proc of the sandbox, read-only") == true, "\(outcome)")
      #expect(try scratch.read("page").contains("<td>/proc of the sandbox, read-only</td>"))
    }
  }
}
