// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The names that a guest has when all layers of an image lie over each other, with what each of them leads to (OCI Image
/// Format, "Image Layer Filesystem Changeset"). Names resolve in it as in the guest: a link on the way leads nowhere else.
struct LayeredTree {
  /// An entry of a layer that makes something, by its number in it.
  struct Content: Hashable {
    let layer: Int
    let number: Int
  }

  final class Node {
    let kind: FileKind
    /// Where a symbolic link leads.
    let target: ByteString
    let length: TarLength
    let depth: Int
    /// Nil for a folder that no entry has named.
    var content: Content?
    /// The last layer that names it.
    var layer: Int
    var children: [ByteString: Node] = [:]

    init(
      _ kind: FileKind, target: ByteString = "", length: TarLength = TarLength(), depth: Int, content: Content?,
      layer: Int
    ) {
      self.kind = kind
      self.target = target
      self.length = length
      self.depth = depth
      self.content = content
      self.layer = layer
    }
  }

  private static let deepest = 512
  private static let mostLinks = 40
  private static let whiteout: ByteString = ".wh."
  private static let opaque: ByteString = ".wh..wh..opq"
  /// What a union filesystem of old keeps for itself.
  private static let unionPrefix: ByteString = ".wh..wh."

  let root = Node(.directory, depth: 0, content: nil, layer: 0)

  /// Takes the next entry of a layer.
  func add(_ entry: TarEntry, _ content: Content) throws(Failure) {
    guard !entry.path.isEmpty else {
      (root.content, root.layer) = (content, content.layer)
      return
    }
    guard entry.path.bytes.count <= 4095 else {
      throw Failure(.guest, "a layer has a path of \(entry.path.bytes.count) bytes; a file's has at most 4095")
    }
    let (above, name) = entry.path.parent
    if name.hasPrefix(Self.whiteout) {
      guard let folder = try find(above ?? "", followsLast: true), folder.kind == .directory else { return }
      if name == Self.opaque {
        Self.uncover(folder, below: content.layer)
      } else if !name.hasPrefix(Self.unionPrefix) {
        let hidden = ByteString(name.bytes.dropFirst(Self.whiteout.bytes.count))
        guard let child = folder.children[hidden] else { return }
        Self.uncover(child, below: content.layer)
        if child.layer < content.layer, child.children.isEmpty { folder.children[hidden] = nil }
      }
      return
    }
    let parent = try folder(above ?? "", layer: content.layer)
    if let link = entry.hardLink {
      guard let node = try find(link, followsLast: false), node.kind != .directory else {
        throw Failure(.guest, "a layer names /\(entry.path) a link to /\(link), which is not a file of the image")
      }
      guard parent.children[name] !== node else { return }
      parent.children[name] = Node(
        node.kind, target: node.target, length: node.length, depth: parent.depth + 1, content: node.content,
        layer: content.layer)
      return
    }
    if entry.kind == .directory, let there = parent.children[name], there.kind == .directory {
      (there.content, there.layer) = (content, content.layer)
      return
    }
    parent.children[name] = Node(
      entry.kind, target: entry.target, length: entry.length, depth: try depth(below: parent), content: content,
      layer: content.layer)
  }

  /// Takes away what lower layers have put below a folder.
  private static func uncover(_ folder: Node, below layer: Int) {
    for (name, child) in folder.children {
      uncover(child, below: layer)
      if child.layer < layer, child.children.isEmpty { folder.children[name] = nil }
    }
  }

  private func depth(below parent: Node) throws(Failure) -> Int {
    guard parent.depth < Self.deepest else {
      throw Failure(.guest, "the image has more than \(Self.deepest) folders in each other")
    }
    return parent.depth + 1
  }

  /// The folder of that path, made with those above it where there is none.
  private func folder(_ path: ByteString, layer: Int) throws(Failure) -> Node {
    guard !path.isEmpty else { return root }
    if let found = try find(path, followsLast: true) {
      guard found.kind == .directory else {
        throw Failure(.guest, "a layer has a file below /\(path), which is not a folder")
      }
      return found
    }
    let (above, name) = path.parent
    let parent = try folder(above ?? "", layer: layer)
    guard parent.children[name] == nil else {
      throw Failure(.guest, "a layer has a file below /\(path), a link that leads nowhere")
    }
    let made = Node(.directory, depth: try depth(below: parent), content: nil, layer: layer)
    parent.children[name] = made
    return made
  }

  /// What is at a path of the guest; nil where there is none.
  private func find(_ path: ByteString, followsLast: Bool) throws(Failure) -> Node? {
    var parts = Array(path.split(separator: "/").reversed())
    var folders = [root]
    var links = 0
    while let part = parts.popLast() {
      if part == "." { continue }
      if part == ".." {
        if folders.count > 1 { folders.removeLast() }
        continue
      }
      guard let here = folders.last, let child = here.children[part] else { return nil }
      if child.kind == .symbolicLink, followsLast || !parts.isEmpty {
        links += 1
        guard links <= Self.mostLinks else { throw Failure(.guest, "/\(path) in the image is a loop of links") }
        if child.target.hasPrefix("/") { folders = [root] }
        parts += child.target.split(separator: "/").reversed()
        continue
      }
      if parts.isEmpty { return child }
      guard child.kind == .directory else { return nil }
      folders.append(child)
    }
    return folders.last
  }
}
