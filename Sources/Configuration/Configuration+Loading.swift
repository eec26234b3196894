// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

extension Configuration {
  /// The file of a definition, and of the machine.
  package static let fileName = "guestsmith.toml"
  /// Where the machine's configuration is.
  package static let systemDirectory = "/etc/guestsmith"
  /// The folder of variants, in the definition's directory or in the machine's.
  package static let variantsFolderName = "variants"

  /// What is configured: the file in the definition's directory, else the machine's, else the defaults; over it the
  /// variant, and over that the parameters. All of it is checked, alone and in combination.
  ///
  /// - Parameters:
  ///   - definitionDirectory: nil where no definition is called.
  ///   - variant: a file in the folder of variants, without its `.toml`, or `default`, which needs no file.
  ///   - parameters: as a host passes them, by key.
  /// - Throws: `.invalid` with every fault on a line of its own: file, line, key, the value (unless it is a secret)
  ///   and what would be right. `.io` where a file cannot be read.
  package static func load(
    definitionDirectory: String?, variant: String? = nil, parameters: [String: String] = [:],
    systemDirectory: String = systemDirectory
  ) throws(Failure) -> Configuration {
    let (configuration, faults) = read(
      definitionDirectory: definitionDirectory, variant: variant, parameters: parameters,
      systemDirectory: systemDirectory)
    if let failure = Self.failure(of: faults) { throw failure }
    return configuration
  }

  /// What `load` reads, with all that is wrong in it.
  package static func read(
    definitionDirectory: String?, variant: String?, parameters: [String: String],
    systemDirectory: String = systemDirectory
  ) -> (configuration: Configuration, faults: [Failure]) {
    var configuration = Configuration()
    var faults: [Failure] = []
    func collect(_ document: () throws(Failure) -> Document?) {
      do throws(Failure) {
        if let document = try document() { faults += configuration.take(document) }
      } catch {
        faults.append(error)
      }
    }
    collect { () throws(Failure) in try document(of: definitionDirectory, else: systemDirectory) }
    if let variant, !variant.isEmpty {
      let folder = variantsFolder(definitionDirectory: definitionDirectory, systemDirectory: systemDirectory)
      collect { () throws(Failure) in try document(ofVariant: variant, in: folder) }
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
    return (configuration, faults)
  }

  /// The variant that is there without a file: what is configured, unchanged.
  package static let defaultVariant = "default"

  /// The names of the variants that are there, sorted.
  package static func variants(
    definitionDirectory: String? = nil, systemDirectory: String = systemDirectory
  ) -> [String] {
    variants(in: variantsFolder(definitionDirectory: definitionDirectory, systemDirectory: systemDirectory))
  }

  /// Where variants are: as with the file, the definition's own stand in for the machine's.
  private static func variantsFolder(definitionDirectory: String?, systemDirectory: String) -> String {
    if let own = definitionDirectory.map({ "\($0)/\(variantsFolderName)" }), access(own, F_OK) == 0 { return own }
    return "\(systemDirectory)/\(variantsFolderName)"
  }

  private static func variants(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
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
    guard key.isParameter || origin != .parameter else {
      throw Failure(
        .invalid, "\(origin): \(key.name) cannot be set for one instance", remedy: "set it in \(Self.fileName)")
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

  private static func document(ofVariant variant: String, in folder: String) throws(Failure) -> Document? {
    if Rules.isVariant(variant), let document = try Document.read("\(folder)/\(variant).toml") { return document }
    if variant == defaultVariant { return nil }
    throw unknown(variant, in: folder)
  }

  /// - Throws: `.invalid` for a variant that no file defines.
  package static func checkVariant(
    _ variant: String, definitionDirectory: String?, systemDirectory: String = systemDirectory
  ) throws(Failure) {
    let folder = variantsFolder(definitionDirectory: definitionDirectory, systemDirectory: systemDirectory)
    guard variant == defaultVariant || variants(in: folder).contains(variant) else {
      throw unknown(variant, in: folder)
    }
  }

  private static func unknown(_ variant: String, in folder: String) -> Failure {
    let known = variants(in: folder)
    return Failure(
      .invalid, "unknown variant \(String(variant.prefix(80)).quoted): no such file in \(folder)",
      remedy: known.isEmpty ? "no variant is configured" : "the known ones are: \(known.joined(separator: ", "))")
  }

  /// One failure that tells all faults.
  private static func failure(of faults: [Failure]) -> Failure? {
    guard let first = faults.first else { return nil }
    if faults.count == 1 { return first }
    return Failure(.invalid, faults.map(\.message).joined(separator: "\n"))
  }
}
