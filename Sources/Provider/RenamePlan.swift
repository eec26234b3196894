// SPDX-License-Identifier: Apache-2.0
package import Configuration
internal import Guest
package import Interface
internal import LinuxIO
package import Report
internal import Storage
internal import Worker

/// Makes the guest agree with its new name. Nothing is changed where it has neither the old nor the new one.
package struct RenamePlan: Plan, ~Copyable {
  private let root: Disk
  private let oldName: InstanceName
  private let newName: InstanceName
  private let network: NetworkPlan
  private let workers: Workers
  /// Why the guest stays as it is: in other words, what is on the disk.
  private let other: String?
  /// Where the guest goes by that.
  private let seed: SeedInstallation?
  /// The disk that is for it alone.
  private let seedDisk: Disk?
  /// Whether its own files can be edited.
  private let isEditable: Bool

  package init(
    _ request: Request, _ configuration: Configuration, _ surroundings: Surroundings
  ) throws(Failure) {
    guard let oldName = request.oldName else { throw Failure(.usage, "the request names no old name") }
    _ = try GuestName(of: request.instance)
    let root = try GuestDisks.openRoot(of: request)
    let network = try NetworkPlan(request, configuration, surroundings.resolve)
    let seed = try SeedInstallation(request, network, configuration, surroundings)
    let obstacle =
      configuration.configure == .none
      ? "a guest with configure = none" : try Self.obstacle(on: root, surroundings.workers)
    let disk =
      [.auto, .seed].contains(configuration.configure) ? try GuestDisks.openSeed(of: request, configuration) : nil
    // Without a seed on its disk a guest that can be edited needs none, and another one gets it.
    let isOnDisk: Bool
    if let disk {
      isOnDisk = obstacle == nil ? try seed.isThere(on: disk, isWhole: true) : true
    } else {
      isOnDisk = false
    }
    let isSeeded = isOnDisk ? true : obstacle == nil ? false : try seed.isThere(on: root)
    seedDisk = isOnDisk ? disk : nil
    isEditable = obstacle == nil
    self.root = root
    self.oldName = oldName
    newName = request.instance
    self.network = network
    workers = surroundings.workers
    other = isSeeded ? nil : obstacle
    self.seed = isSeeded ? seed : nil
  }

  /// What is on the disk, where that is not a guest whose files can be edited; the disk knows where the others are.
  private static func obstacle(on root: Disk, _ workers: Workers) throws(Failure) -> String? {
    switch try root.findRoot(by: GuestPartitions.finding, workers, Steps(.quiet)) {
    case .root: return nil
    case .other(let words): return words
    case .noTable: return try root.holdsExt() ? nil : root.describedContents(workers)
    }
  }

  package var lines: [String] {
    if let other { return ["on \(root.path) is \(other): the guest in it is not renamed, and stays as it is"] }
    let place = seed == nil ? "on \(root.words)" : "in the seed on \((seedDisk ?? root).words)"
    var lines = ["rename \(oldName) to \(newName) \(place)"]
    // In a seed another fixed address makes another instance of it.
    if seed == nil { lines.append("it stays the same machine: machine-id, ssh host keys and UUIDs are kept") }
    guard network.isFixed else { return lines }
    return lines + (seed == nil ? network.linesOfChange : network.lines) + network.notes
  }

  package consuming func apply(_ steps: Steps) throws(Failure) {
    // The host has renamed the instance, or imported it, and can't take that back.
    if other != nil { return steps.note(lines[0]) }
    if let seed {
      let isRenamed =
        if let seedDisk { try seed.rename(from: oldName, onWhole: seedDisk, ofGuestOn: root, steps) } else {
          try seed.rename(from: oldName, on: root, steps)
        }
      if !isRenamed { steps.note("the guest is called \(newName) already") }
      guard isEditable else { return }
    }
    try steps.step("check \(root.path)") { _ throws(Failure) in try root.prepareForEditing(workers, steps) }
    let isRenamed = try workers.run(
      GuestRename.task, GuestRename.values(from: oldName, to: newName, network.network), [.disk(root)], .editing(root),
      .worker(onDiskOf: root.size), steps)
    try root.settle()
    if isRenamed == .bool(false) { steps.note("the guest is called \(newName) already") }
  }
}

extension GuestName {
  /// The name that a guest gets.
  ///
  /// - Throws: `.invalid` for one that the host may use and no guest can carry.
  init(of instance: InstanceName) throws(Failure) {
    self.init(instance.text)
    guard let fault else { return }
    throw Failure(
      .invalid, "no guest can be called \(instance): its host name would be \(short.quoted), and \(fault)",
      remedy: "use letters, digits and hyphens before the first dot of the name")
  }
}
