// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@testable import Configuration

@Suite("The variants that ship")
struct VariantFilesTests {
  private static let folder =
    String(#filePath.dropLast("/Tests/ConfigurationTests/VariantFilesTests.swift".count)) + "/share/variants"

  private static func names(in folder: String) throws -> [String] {
    try shell("cd '\(folder)' && ls *.toml").split(separator: "\n").map(String.init)
  }

  private func contents(_ path: String) throws -> String { String(decoding: try readFile(path), as: UTF8.self) }

  @Test("name a release to bootstrap") func releases() throws {
    for name in try Self.names(in: Self.folder) {
      let configuration = try load(
        nil, variants: [name: try contents("\(Self.folder)/\(name)")], variant: String(name.dropLast(5)))
      #expect(configuration.suite != nil && configuration.image == nil, "\(name)")
    }
  }

  @Test("or an image of which its publisher tells what it is, and are told of in docs/variants.md") func images() throws
  {
    let folder = "\(Self.folder)/images"
    let document = try contents("\(Self.folder)/../../docs/variants.md")
    let names = try Self.names(in: folder)
    #expect(names.count == 17)
    for name in names {
      let variant = String(name.dropLast(5))
      let configuration = try load(nil, variants: [name: try contents("\(folder)/\(name)")], variant: variant)
      #expect(document.contains("`\(variant)`"), "\(name)")
      #expect(configuration.verify == nil && configuration.suite == nil, "\(name)")
      let places = [configuration.image, configuration.sums, configuration.signature].compactMap { $0 }
      #expect(places.count > 1 && places.allSatisfy { $0.hasPrefix("https://") }, "\(name)")
      // By its keyring or by the connection, and never by a signature that nobody looks at.
      #expect((configuration.signature == nil) || configuration.keyring != nil, "\(name)")
    }
  }
}
