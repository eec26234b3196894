// SPDX-License-Identifier: Apache-2.0
internal import Host
package import Interface
internal import LinuxIO
package import Report

/// How far a restore drill came.
package struct Drill: Sendable {
  /// How long the restoration took; nil where it did not end well.
  package internal(set) var restoration: Duration?
  /// Nil where the guest did not come up.
  package internal(set) var reached: ReachedGoal?

  package init() {}
}

extension Node {
  /// The name under which an instance is restored for a drill: a host name too, so its first part is cut to 63 characters.
  package static func drillName(for text: String) throws(Failure) -> InstanceName {
    let labels = text.split(separator: ".", maxSplits: 1).map(String.init)
    let first = "drill-" + (labels.first ?? "").prefix(57)
    if let whole = try? InstanceName(([first] + labels.dropFirst()).joined(separator: ".")) { return whole }
    return try InstanceName(first)
  }

  /// Restores an export onto disks of its own, boots what that makes, without a network, until its console shows the words
  /// of `goal`, and removes it.
  ///
  /// It never is an instance: all of it is in the folder of a draft, which goes whatever happens, and by the next command if
  /// this one is killed.
  ///
  /// - Parameters:
  ///   - request: with the name of `drillName`.
  ///   - show: gets what the console shows.
  ///   - drill: how far it came, also where it fails.
  package func drillBackup(
    _ request: InstanceRequest, from place: ExportPlace, firmware: Firmware?, accelerator: Accelerator,
    until goal: BootGoal, _ drill: inout Drill, show: ([UInt8]) throws(Failure) -> Void
  ) throws(Failure) {
    var request = request
    request.nics = []
    try locking(request, for: "backup drill") { () throws(Failure) in
      try state.checkFree(request.name)
      let draft = State.draft(ofInstance: State.key(request.name))
      try withStagedFolder(state.instances, draft) { draft throws(Failure) in
        let started = ContinuousClock.now
        // The export is free again while the guest boots.
        let instance = try state.locking(sourceKeys(of: place), for: "backup drill", steps: steps) {
          _ throws(Failure) in
          let restoration = try planRestoration(request, from: place)
          let instance = restoration.instance.inFolder(draft.path)
          for (_, disk) in instance.ownDisks { try makeDisk(disk) }
          try restore(restoration, onto: instance)
          return instance
        }
        drill.restoration = started.duration(to: .now)
        drill.reached = try boot(
          instance, in: draft.path, firmware: firmware, accelerator: accelerator, until: goal, show)
      }
    }
  }
}
