// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

extension Configuration {
  /// The file of a definition, and of the machine.
  package static let fileName = "guestsmith.toml"
  /// Where the machine's configuration is.
  package static let systemDirectory = "/etc/guestsmith"

  /// What is configured: the file in the definition's directory, else the machine's, else the defaults; over it the
  /// variant, and over that the parameters. All of it is checked, alone and in combination.
  ///
  /// - Parameters:
  ///   - definitionDirectory: nothing where no definition is called.
  ///   - variant: a file in the folder `variants` of the system's directory, without its `.toml`.
  ///   - parameters: as a host passes them, by key.
  /// - Throws: `.invalid` with every fault on a line of its own: file, line, key, the value (unless it is a secret)
  ///   and what would be right. `.io` where a file cannot be read.
  package static func load(
    definitionDirectory: String?, variant: String? = nil, parameters: [String: String] = [:],
    systemDirectory: String = systemDirectory
  ) throws(Failure) -> Configuration {
    var configuration = Configuration()
    var faults: [Failure] = []
    if let document = try document(of: definitionDirectory, else: systemDirectory) {
      faults += configuration.take(document)
    }
    if let variant, !variant.isEmpty {
      faults += configuration.take(try Self.document(ofVariant: variant, in: systemDirectory))
    }
    for (name, text) in parameters.sorted(by: { $0.key < $1.key }) {
      do {
        try configuration.set(name, fromString: text)
      } catch {
        faults.append(error)
      }
    }
    // What belongs together is judged when each for itself is right.
    if faults.isEmpty { faults = configuration.faults() }
    if let failure = Self.failure(of: faults) { throw failure }
    return configuration
  }

  /// The names of the variants that are there, sorted.
  package static func variants(in systemDirectory: String = systemDirectory) -> [String] {
    guard let directory = opendir("\(systemDirectory)/variants") else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard name.hasSuffix(".toml") else { continue }
      let variant = String(name.dropLast(5))
      if Rules.isVariant(variant) { names.append(variant) }
    }
    return names.sorted()
  }

  /// Sets one key as a parameter does: by its text.
  ///
  /// - Throws: `.invalid` for an unknown key, or a value that the key does not take.
  package mutating func set(_ name: String, fromString text: String) throws(Failure) {
    try set(name, Key.named(name)?.binding.value(ofParameter: text) ?? .text(text), .parameter)
  }

  private mutating func take(_ document: Document) -> [Failure] {
    var faults: [Failure] = []
    for entry in document.entries {
      do {
        try set(entry.name, entry.value, .file(document.path, line: entry.line))
      } catch {
        faults.append(error)
      }
    }
    return faults
  }

  private mutating func set(_ name: String, _ value: Value, _ origin: Origin) throws(Failure) {
    guard let key = Key.named(name) else {
      let nearest = Key.nearest(to: name).map { ", the nearest known one is \($0)" } ?? ""
      throw Failure(.invalid, "\(origin): unknown key \(String(name.prefix(80)).quoted)\(nearest)")
    }
    guard key.binding.set(&self, value) else {
      throw Failure(.invalid, "\(origin): \(key.name)\(Self.shown(value, of: key)) must be \(key.rule)")
    }
    origins[key.name] = origin
  }

  /// `= VALUE` in a message, where the value may be shown: a secret is not, and neither is a URI with a password.
  private static func shown(_ value: Value, of key: Key) -> String {
    let literal = value.literal
    guard !key.isSecret, !(literal.contains("@") && literal.contains("://")) else { return "" }
    return " = \(literal.count > 80 ? literal.prefix(80) + "…" : literal),"
  }

  private static func document(of definitionDirectory: String?, else systemDirectory: String) throws(Failure)
    -> Document?
  {
    if let definitionDirectory, let own = try Document.read("\(definitionDirectory)/\(fileName)") { return own }
    return try Document.read("\(systemDirectory)/\(fileName)")
  }

  private static func document(ofVariant variant: String, in systemDirectory: String) throws(Failure) -> Document {
    let path = "\(systemDirectory)/variants/\(variant).toml"
    if Rules.isVariant(variant), let document = try Document.read(path) { return document }
    let known = variants(in: systemDirectory)
    throw Failure(
      .invalid, "unknown variant \(String(variant.prefix(80)).quoted): no such file in \(systemDirectory)/variants",
      remedy: known.isEmpty ? "no variant is configured" : "the known ones are: \(known.joined(separator: ", "))")
  }

  /// One failure that tells all faults.
  private static func failure(of faults: [Failure]) -> Failure? {
    guard let first = faults.first else { return nil }
    if faults.count == 1 { return first }
    return Failure(.invalid, faults.map(\.message).joined(separator: "\n"))
  }
}
