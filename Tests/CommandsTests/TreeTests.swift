// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("The comparison of trees that the tests trust")
struct Trees {
  @Test(
    "One change of one name is seen",
    arguments: [
      ("chmod 600 file", "mode"), ("touch -d @1.5 file", "modified"), ("truncate -s 4 file", "size"),
      ("printf 'wordz' > file; touch -d @0 file", "contents"), ("ln -sfn other link", "target"),
      ("rm hard; cp -p file hard", "names"), ("setfattr -n user.colour -v blue file", "attributes"),
      ("touch new", "not in the other"), ("rm link", "missing"), ("rm link; mkdir link", "type"),
    ])
  func change(command: String, word: String) throws {
    try withScratch { scratch in
      try shell(
        "mkdir '\(scratch("a"))' && cd '\(scratch("a"))' && printf 'words' > file && ln file hard && ln -s file link && "
          + "touch 'a name\nof two lines' && touch -d @0 file && touch -h -d @0 link && cp -a . ../b && touch -d @0 . ../b"
      )
      let before = try Tree(of: scratch("a"))
      #expect(before.entries.count == 5)
      #expect(try Tree(of: scratch("b")).differences(from: before) == [])
      try shell("cd '\(scratch("b"))' && \(command)")
      let differences = try Tree(of: scratch("b")).differences(from: before, allowed: ["."])
      #expect(!differences.isEmpty && differences.contains { $0.contains(word) }, "\(differences)")
    }
  }

  @Test("A tree equals the archive that was made of it", .enabled(if: isRoot, "needs root"))
  func archive() throws {
    try withScratch { scratch in
      try shell(
        "mkdir '\(scratch("a"))' && cd '\(scratch("a"))' && printf 'words' > file && ln file hard && ln -s file link && "
          + "mknod null c 1 3 && setfattr -n user.colour -v blue file && setcap cap_net_raw+ep file && "
          + "tar --create --format pax --xattrs --xattrs-include='*' --acls --file ../a.tar .")
      let tree = try Tree(of: scratch("a"))
      #expect(tree.entries["null"]?.device == "1:3")
      #expect(tree.entries["file"]?.attributes.keys.contains("security.capability") == true)
      #expect(try Tree(ofArchive: scratch("a.tar")).differences(from: tree) == [])
    }
  }
}
