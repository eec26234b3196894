// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Host
internal import Interface
internal import LinuxIO
package import Report
package import Worker

/// This machine as a host of the interface: it keeps instances, and runs the scripts of OS definitions on their disks.
package struct Node: Sendable {
  package let searchPath: SearchPath
  /// Where the logs of scripts go, into its folder `os`.
  package let logFolder: String
  package let state: State
  /// What ends a script.
  package var limits = ScriptCall.Limits()
  /// Read what is on the disks of instances.
  package var workers = Workers(.auto)
  package let steps: Steps

  package static let standardLogFolder = "/var/log/guestsmith"

  package init(
    searchPath: SearchPath = .standard, logFolder: String = standardLogFolder, state: State = State(), steps: Steps
  ) {
    self.searchPath = searchPath
    self.logFolder = logFolder
    self.state = state
    self.steps = steps
  }

  /// Finishes or undoes what killed commands have left. Who may only read leaves that to those who may write.
  package func recover() {
    guard access(state.instances, W_OK) == 0 else { return }
    try? state.recover(steps: steps)
  }
}

extension Node {
  /// The definition and the variant that `NAME` or `NAME+VARIANT` asks for. A definition may have a plus in its own name:
  /// those of version 5 know no variants.
  ///
  /// - Parameter isChosen: whether somebody names it now. What is there already may be of a time without variants: it
  ///   has the first one, as in Ganeti.
  func find(_ os: String, isChosen: Bool) throws(Failure) -> (definition: OSDefinition, variant: String?) {
    let isFolderName = searchPath.folders.contains { !os.contains("/") && isFolder("\($0)/\(os)") }
    let plus = isFolderName ? nil : os.firstIndex(of: "+")
    let definition = try searchPath.definition(named: String(plus.map { os[..<$0] } ?? os[...]))
    let known = definition.contents?.variants ?? []
    let variant = plus.map { String(os[os.index(after: $0)...]) }
    if isChosen, variant ?? "" == "", !known.isEmpty {
      throw Failure(
        .invalid, "OS name '\(os)' must include a variant",
        remedy: "use one of these: \(definition.names.joined(separator: ", "))")
    }
    guard let variant else { return (definition, known.first) }
    guard known.contains(variant) else {
      throw Failure(
        .invalid, "the OS \(definition.name) has no variant \(variant.quoted)",
        remedy: known.isEmpty ? "it has none at all" : "it has: \(known.joined(separator: ", "))")
    }
    return (definition, variant)
  }

  func definition(of instance: KeptInstance) throws(Failure) -> OSDefinition {
    try searchPath.definition(named: instance.os)
  }

  /// A call with the limits of this node.
  func call(_ definition: OSDefinition, _ purpose: ScriptCall.Purpose, of instance: KeptInstance) throws(Failure)
    -> ScriptCall
  {
    var call = try ScriptCall(definition, purpose, of: instance.told)
    call.limits = limits
    return call
  }

  /// Has the OS judge the parameters, where its version of the interface can.
  func verify(_ instance: KeptInstance, by definition: OSDefinition) throws(Failure) {
    guard definition.spokenVersion == 20 else { return }
    let call = try call(definition, .verify, of: instance)
    try steps.step("check the parameters by \(definition.name)") { _ throws(Failure) in
      _ = try call.run(logFolder: logFolder)
    }
  }

  /// Runs a script on the disks of `instance`, and finds the disks as they have to be.
  func run(_ call: ScriptCall, on instance: KeptInstance, _ title: String) throws(Failure) {
    try steps.step(title) { _ throws(Failure) in _ = try call.run(logFolder: logFolder) }
    try checkDisks(of: instance, after: call)
  }

  /// That the disks are still there, and have their sizes.
  func checkDisks(of instance: KeptInstance, after call: ScriptCall) throws(Failure) {
    for index in instance.disks.indices {
      guard let fault = instance.diskFault(index) else { continue }
      throw Failure(
        .script, "the \(call.script.rawValue) script of \(call.definition.name) did harm to a disk: \(fault.message)",
        remedy: "correct the script")
    }
  }
}
