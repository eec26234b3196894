// SPDX-License-Identifier: Apache-2.0
package import Configuration
package import Interface
internal import LinuxIO
package import Report
internal import Storage
package import Worker

/// What an OS definition does when a host calls it: request → plan → apply.
package struct Provider: Sendable {
  private let configuration: Configuration
  private let surroundings: Surroundings

  package init(configuration: Configuration, surroundings: Surroundings = .ofScript) {
    self.configuration = configuration
    var surroundings = surroundings
    if configuration.sandboxMode == .off { surroundings.workers = Workers(.off) }
    self.surroundings = surroundings
  }

  /// What workers do for it.
  package static let tasks: [WorkerTask] = [
    DiskExport.task, GuestRename.task, StreamDecoder.task, SpoolCopy.task, Agreement.task, Disk.probing, DataDisk.task,
    Disk.clearing,
    Disk.unclaiming, Disk.counting, Disk.recovering, GuestInstallation.task, KeptFiles.task,
    GuestPartitions.finding, GuestPartitions.fitting, OtherDisk.fitting,
    SeedPartition.finding, SeedPartition.writing, SeedPartition.renaming,
    DiskImage.unpacking, DiskImage.measuring, DiskImage.asking, DiskImage.filling,
    ImageTransfer.reading,
  ]

  /// Whether guests are copies of a published disk.
  private var isDisk: Bool { get throws(Failure) { try DiskImage(configuration).map { !$0.isTree } ?? false } }

  /// Does what the request asks for.
  package func run(_ request: Request, _ steps: Steps) throws(Failure) {
    if let note = try Sandbox.use(configuration.sandboxMode) { steps.note(note) }
    if request.os.debugLevel > 0 { for note in request.notes { steps.note(note) } }
    switch request.purpose {
    case .create where try isDisk:
      try DiskImagePlan(request, configuration, surroundings).apply(steps)
    case .create: try CreatePlan(request, configuration, surroundings).apply(steps)
    case .import: try ImportPlan(request, configuration, surroundings).apply(steps)
    case .export: try ExportPlan(request, configuration, surroundings).apply(steps)
    case .rename: try RenamePlan(request, configuration, surroundings).apply(steps)
    }
  }

  /// What it would do, a line for each thing. Nothing is touched.
  package func plan(_ request: Request) throws(Failure) -> [String] {
    let note = try Sandbox.use(configuration.sandboxMode)
    return try [note].compactMap { $0 } + lines(of: request)
  }

  private func lines(of request: Request) throws(Failure) -> [String] {
    switch request.purpose {
    case .create where try isDisk: try DiskImagePlan(request, configuration, surroundings).lines
    case .create: try CreatePlan(request, configuration, surroundings).lines
    case .import: try ImportPlan(request, configuration, surroundings).lines
    case .export: try ExportPlan(request, configuration, surroundings).lines
    case .rename: try RenamePlan(request, configuration, surroundings).lines
    }
  }
}

/// The version of the program, as it names itself in guests and dumps.
package let programVersion = "0.2.0"
