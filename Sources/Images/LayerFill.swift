// SPDX-License-Identifier: Apache-2.0
package import Ext4
package import LinuxIO
package import Report
internal import Storage

/// Fills an empty file with a filesystem of what is in the layers, the lowest first: what a later one hides does not come into it.
///
/// - Parameter most: how much that may be, in bytes.
/// - Throws: `.guest` for what is not the root filesystem of a guest, and for more.
package func populate(
  _ file: consuming Descriptor, fromLayers layers: [TreeSource], called name: String, options: FilesystemOptions,
  most: UInt64, progress: StepProgress
) throws(Failure) -> PopulatedImage {
  let tree = LayeredTree()
  for (layer, source) in layers.enumerated() {
    try source.read(isLayer: true) { archive throws(Failure) in
      var number = 0
      while let entry = try archive.next() {
        try tree.add(entry, .init(layer: layer, number: number))
        number += 1
      }
    }
  }
  var measure = TreeMeasure(name, options)
  var counted: Set<LayeredTree.Content> = []
  try tree.root.eachBelow { node, path throws(Failure) in
    if let content = node.content, node.kind != .directory, !counted.insert(content).inserted { return }
    try measure.add(node.kind, node.length, path)
  }
  guard measure.content <= most else {
    throw Failure(
      .guest,
      "the files in \(name) have \(Words.bytes(measure.content)), and the cache takes at most "
        + Words.bytes(most), remedy: "raise cache_max_size in the configuration")
  }
  let size = try measure.size()
  try file.setLength(size)
  let filesystem = try Filesystem.format(Region(of: file), size: size, options: options)
  progress.expect(measure.content)
  let files = try filesystem.fill(from: layers, tree, progress)
  return try filesystem.finish(files, size: size, options)
}

extension LayeredTree.Node {
  /// Calls `body` with all that is below it, a folder before what is in it, in the order of the names.
  func eachBelow(_ body: (LayeredTree.Node, ByteString) throws(Failure) -> Void) throws(Failure) {
    try eachBelow("", body)
  }

  private func eachBelow(
    _ path: ByteString, _ body: (LayeredTree.Node, ByteString) throws(Failure) -> Void
  ) throws(Failure) {
    for (name, child) in children.sorted(by: { $0.key < $1.key }) {
      let below: ByteString = path.isEmpty ? name : "\(path)/\(name)"
      try body(child, below)
      try child.eachBelow(below, body)
    }
  }
}

/// What the filesystem has of a tree.
private struct LayerPlaces {
  typealias Place = (folder: InodeNumber, name: ByteString)

  var folders: [LayeredTree.Content: InodeNumber] = [:]
  var files: [LayeredTree.Content: [Place]] = [:]
  var count = 0
}

extension Filesystem {
  /// Returns how many files there are.
  fileprivate borrowing func fill(
    from layers: [TreeSource], _ tree: LayeredTree, _ progress: StepProgress
  ) throws(Failure) -> Int {
    var places = LayerPlaces()
    if let content = tree.root.content { places.folders[content] = Filesystem.root }
    try makeFolders(of: tree.root, as: Filesystem.root, &places)
    var listed: [(InodeNumber, TarEntry)] = []
    for (layer, source) in layers.enumerated() {
      try source.read(isLayer: true) { archive throws(Failure) in
        var number = 0
        while let entry = try archive.next() {
          let content = LayeredTree.Content(layer: layer, number: number)
          number += 1
          guard let made = try make(entry, content, from: archive, places, progress) else { continue }
          try setAttributes(made, entry.attributes)
          try setMetadata(made, entry)
          if !entry.lists.isEmpty { listed.append((made, entry)) }
        }
      }
    }
    try setLists(of: listed)
    return places.count
  }

  private borrowing func makeFolders(
    of node: LayeredTree.Node, as folder: InodeNumber, _ places: inout LayerPlaces
  ) throws(Failure) {
    for (name, child) in node.children.sorted(by: { $0.key < $1.key }) {
      places.count += 1
      let isLost = folder == Filesystem.root && name == "lost+found"
      guard child.kind == .directory else {
        guard !isLost else {
          throw Failure(.guest, "the image has a file at /lost+found, where each filesystem of ext has a folder")
        }
        if let content = child.content { places.files[content, default: []].append((folder, name)) }
        continue
      }
      let there = isLost ? try find("/lost+found") : nil
      let made = if let there { there } else { try makeDirectory(name, in: folder, mode: 0o755) }
      if let content = child.content { places.folders[content] = made }
      try makeFolders(of: child, as: made, &places)
    }
  }

  /// Makes what an entry is, under all names that lead to it; nil where none does.
  private borrowing func make(
    _ entry: TarEntry, _ content: LayeredTree.Content, from archive: borrowing TarArchive, _ places: LayerPlaces,
    _ progress: StepProgress
  ) throws(Failure) -> InodeNumber? {
    if let folder = places.folders[content] { return entry.kind == .directory ? folder : nil }
    guard let names = places.files[content], let first = names.first, entry.kind != .directory else { return nil }
    guard entry.hardLink == nil else { return nil }
    let number = try makeNode(entry, from: archive, as: first.name, in: first.folder, progress: progress)
    for place in names.dropFirst() { try addName(place.name, to: number, in: place.folder) }
    return number
  }
}
