// SPDX-License-Identifier: Apache-2.0
internal import Report

// How the options reach the process in the sandbox: through a descriptor, because some of them are secret.

extension TrialOptions {
  var json: JSON {
    [
      "versions": .array(versions.map { .integer($0) }), "variant": .optional(variant),
      "parameters": .array(parameters.map { ["name": .string($0.key), "value": .string($0.value)] }),
      "secrets": .array(secrets.map { .string($0) }), "disk": .integer(Int(diskSize)), "seconds": .integer(seconds),
      "may_change": .array(mayChange.map { .string($0) }),
    ]
  }

  init(_ json: JSON) {
    self.init()
    versions = (json["versions"]?.array ?? []).compactMap(\.integer)
    variant = json["variant"]?.string
    for entry in json["parameters"]?.array ?? [] {
      if let name = entry["name"]?.string { parameters[name] = entry["value"]?.string }
    }
    secrets = Set((json["secrets"]?.array ?? []).compactMap(\.string))
    diskSize = json["disk"]?.integer.map { UInt64($0) } ?? diskSize
    seconds = json["seconds"]?.integer ?? seconds
    mayChange = (json["may_change"]?.array ?? []).compactMap(\.string)
  }
}
