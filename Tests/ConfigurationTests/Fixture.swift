// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport

@testable import Configuration

/// Loads `text` as the file of a definition, on a machine that has these variants.
func load(
  _ text: String?, machine: String? = nil, variants: [String: String] = [:], variant: String? = nil,
  parameters: [String: String] = [:]
) throws -> Configuration {
  try withScratch { scratch in
    let definition = try scratch.folder("os")
    let system = try scratch.folder("etc")
    if let text { try scratch.write(text, to: "os/guestsmith.toml") }
    if let machine { try scratch.write(machine, to: "etc/guestsmith.toml") }
    for (name, text) in variants { try scratch.write(text, to: "etc/variants/\(name)") }
    return try Configuration.load(
      definitionDirectory: definition, variant: variant, parameters: parameters, systemDirectory: system)
  }
}

/// Every value, as TOML has it.
func values(_ configuration: Configuration) -> [String: String] {
  var values: [String: String] = [:]
  for key in Key.all { values[key.name] = key.binding.get(configuration)?.literal }
  return values
}

/// The fault that `text` has, without the folder of the file.
func fault(
  _ text: String?, variants: [String: String] = [:], variant: String? = nil, parameters: [String: String] = [:]
) -> String? {
  do {
    _ = try load(text, variants: variants, variant: variant, parameters: parameters)
    return nil
  } catch let failure as Failure {
    let lines = failure.message.split(separator: "\n", omittingEmptySubsequences: false)
    let short = lines.map { line in
      line.firstRange(of: "/os/guestsmith.toml").map { "F" + line[$0.upperBound...] } ?? String(line)
    }
    return failure.code == .invalid ? short.joined(separator: "\n") : "\(failure.code): \(failure.message)"
  } catch {
    return "\(error)"
  }
}
