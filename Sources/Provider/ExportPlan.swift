// SPDX-License-Identifier: Apache-2.0
package import Configuration
internal import Glibc
package import Interface
internal import LinuxIO
package import Report
internal import Storage
internal import Worker

/// Writes a dump of the disk that the request is about; the disk is only read.
package struct ExportPlan: Plan, ~Copyable {
  let configuration: Configuration
  private let request: Request
  private let disk: Disk
  private let output: Descriptor
  private let created: Timestamp
  private let workers: Workers

  package init(
    _ request: Request, _ configuration: Configuration, _ surroundings: Surroundings
  ) throws(Failure) {
    guard let requested = request.disks.first else { throw Failure(.device, "the request names no disk") }
    let path = try GuestDisks.path(of: requested)
    let output = try surroundings.output()
    let disk = try Disk(path, for: .reading)
    self.output = output
    self.disk = disk
    created = surroundings.now()
    workers = surroundings.workers
    self.request = request
    self.configuration = configuration
  }

  package var lines: [String] {
    ["write a dump of \(disk.words), of \(request.instance), to standard output"]
  }

  package consuming func apply(_ steps: Steps) throws(Failure) {
    _ = try start(steps).result(steps)
    let status = try output.status()
    if status.isRegular || status.isBlockDevice { try output.flush() }
    try output.close()
  }

  /// When it returns, the worker alone has the descriptor for the expected size, whose end the host may wait for.
  private borrowing func start(_ steps: Steps) throws(Failure) -> RunningWorker {
    let sizes = sizes(steps)
    // It is open until the worker has it.
    defer { withExtendedLifetime(sizes) {} }
    let descriptors: [DescriptorView] = [output.view] + [sizes?.view].compactMap { $0 }
    return try workers.start(
      DiskExport.task, DiskExport.values(of: request, created, configuration),
      [.disk(disk)] + descriptors.map { .stream($0) }, .init(.guest, "reads \(disk.path)"),
      .worker(streaming: disk.size, threads: configuration.workers))
  }

  /// The descriptor for the expected size, where the host wants that and has opened it.
  private borrowing func sizes(_ steps: Steps) -> SharedDescriptor? {
    guard let raw = request.sizeDescriptor else { return nil }
    do {
      return SharedDescriptor(try Descriptor(inherited: raw, name: "the descriptor for the expected size"))
    } catch {
      steps.note("the host is not told how large the dump will be: \(error.message)")
      return nil
    }
  }
}
