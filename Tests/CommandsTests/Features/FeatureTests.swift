// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

/// scripts/test-features runs these with every layout and prints what came of each.
@Suite("Features of ext2, ext3 and ext4")
struct FeatureTests {
  @Test(
    "A guest stays whole whatever features its filesystem has", arguments: FeatureLayout.tested, GuestOperation.tested)
  func goesThrough(layout: FeatureLayout, operation: GuestOperation) throws {
    try withScratch { scratch in
      let bench = try FeatureBench(
        layout, in: scratch, size: operation == .reinstall ? EndToEnd.roomy : FeatureBench.size)
      let outcome = try perform(operation, bench)
      #expect((outcome.status != 0) == layout.refused.contains(operation), "\(outcome)")
      let word = outcome.status != 0 ? "refused" : outcome.errors.contains("keeps its") ? "kept its size" : "yes"
      try record(layout, operation, word)
    }
  }

  private func perform(_ operation: GuestOperation, _ bench: FeatureBench) throws -> Outcome {
    switch operation {
    case .extract: try extract(bench)
    case .rename: try rename(bench)
    case .same: try move(bench, to: FeatureBench.size)
    case .larger: try move(bench, to: 300 << 20)
    case .smaller: try move(bench, to: 48 << 20)
    case .reinstall: try reinstall(bench)
    }
  }

  private func extract(_ bench: FeatureBench) throws -> Outcome {
    try bench.export()
    let folder = try bench.scratch.folder("out")
    let outcome = try bash("'\(program)' dump extract '\(bench.scratch("dump"))' / --to '\(folder)'")
    try EndToEnd.succeeded(outcome)
    // To debugfs(8) no file is shorter than the 60 bytes of it that lie in its inode.
    guard bench.isReadByKernel || !bench.layout.options.contains("inline_data") else { return outcome }
    let isWhole = try Tree(of: folder).contents == bench.tree(of: bench.guest).contents
    #expect(isWhole)
    return outcome
  }

  private func rename(_ bench: FeatureBench) throws -> Outcome {
    let disk = try copyImage(bench.guest, to: bench.scratch("renamed.img"))
    let outcome = try bench.rename(disk, to: "new.example.com")
    if outcome.status == 0 {
      try bench.expectGuest(on: disk, named: "new.example.com")
    } else {
      #expect(try digest(of: disk) == digest(of: bench.guest))
    }
    return outcome
  }

  /// Exported, and imported under another name.
  private func move(_ bench: FeatureBench, to size: UInt64) throws -> Outcome {
    try bench.export()
    let disk = try bench.disk("imported.img", size: size)
    let outcome = try bench.import(onto: disk, as: "new.example.com")
    guard outcome.status == 0 else {
      #expect(try tag("TYPE", of: disk) == nil, "nothing on the disk may be taken for a guest")
      return outcome
    }
    try bench.expectGuest(on: disk, named: "new.example.com")
    let blocks = try shell(
      "dumpe2fs -h '\(disk)' 2>/dev/null | awk '/^Block count:/ { n = $3 } /^Block size:/ { printf \"%.0f\", n * $3 }'")
    let filled = try #require(UInt64(blocks))
    // A last group too small for its own tables is left out.
    let isFull = filled <= size && size - filled < 9 << 20
    #expect(isFull || outcome.errors.contains("keeps its"), "\(filled) of \(size) bytes: \(outcome)")
    return outcome
  }

  private func reinstall(_ bench: FeatureBench) throws -> Outcome {
    let place = Scratch(path: try bench.scratch.folder("later"))
    let definition = try EnvironmentDefinition(in: place)
    let original = try bench.tree(of: bench.guest)
    let instance = EnvironmentDefinition.instance(FeatureBench.name, disks: [bench.guest])
      .merging(["INSTANCE_REINSTALL": "1", "OSP_REINSTALL_KEEP": "/srv/small /srv/numbers /etc/ssh/ssh_host_*"]) { $1 }
    let outcome = try definition.call("create", instance)
    guard outcome.status == 0 else { return outcome }
    #expect(try problems(of: bench.guest) == nil)
    let found = try bench.tree(of: bench.guest)
    let kept: [ByteString] = [
      "srv/small/tiny", "srv/small/larger", "srv/small/folder/x", "srv/numbers", "etc/ssh/ssh_host_rsa_key",
    ]
    for path in kept {
      #expect(found.entries[path]?.digest == original.entries[path]?.digest, "\(path)")
    }
    return outcome
  }

  /// For the table of scripts/test-features.
  private func record(_ layout: FeatureLayout, _ operation: GuestOperation, _ word: String) throws {
    guard let file = inherited["GUESTSMITH_FEATURES_TABLE"] else { return }
    let line = "\(layout.name)\t\(layout.options)\t\(operation.rawValue)\t\(word)"
    try shell("printf '%s\\n' '\(line)' >> '\(file)'")
  }
}

extension GuestOperation {
  /// A reinstallation needs an image, so it is tried with all layouts only.
  static let tested = inherited["GUESTSMITH_ALL_FEATURES"] == nil ? allCases.filter { $0 != .reinstall } : allCases
}

extension Tree {
  /// What of the files an ordinary user can extract: types, sizes, contents and links.
  fileprivate var contents: [ByteString: [String]] {
    entries.filter { $0.value.type != "p" && !["", "."].contains($0.key) }.mapValues {
      [$0.type, $0.size, $0.target.escaped, $0.digest]
    }
  }
}
