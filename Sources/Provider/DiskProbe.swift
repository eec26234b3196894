// SPDX-License-Identifier: Apache-2.0
internal import Report
internal import Storage
internal import Worker

extension Disk {
  static let probing = WorkerTask("probe", .prober) { context throws(Failure) in
    .string(try context.disk(0).describedContents())
  }

  /// What is on the disk, in the words of a message.
  func describedContents(_ workers: Workers) throws(Failure) -> String {
    try probe(Self.probing, by: workers).string ?? "nothing that is known"
  }

  func probe(_ task: WorkerTask, by workers: Workers) throws(Failure) -> JSON {
    try workers.run(
      task, nil, [.disk(self)], .init(.guest, "looks at what is on \(path)"), .worker(onDiskOf: size), Steps(.quiet))
  }
}
