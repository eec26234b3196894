// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxIO
package import Report
package import Storage

/// What a worker is given, in the order of its task. The owner keeps it open until the worker has started.
package enum WorkerDescriptor {
  /// A disk that is open, found fit and locked.
  case disk(Disk)
  /// A pipe, a file or a folder.
  case stream(DescriptorView)

  var view: DescriptorView {
    switch self {
    case .disk(let disk): disk.descriptor.view
    case .stream(let view): view
    }
  }

  /// The same disk, opened once more to be read: by what is shared with the broker a worker could change its flags or locks.
  func forReading() throws(Failure) -> SharedDescriptor? {
    guard case .disk(let disk) = self else { return nil }
    return SharedDescriptor(try Descriptor(disk.descriptor.view.path, O_RDONLY))
  }

  /// What goes with it: the block device past the cache, which a worker cannot open.
  func companion() throws(Failure) -> SharedDescriptor? {
    guard case .disk(let disk) = self, disk.isBlockDevice else { return nil }
    return SharedDescriptor(try disk.openUncached())
  }

  /// What a worker has to know of it.
  ///
  /// - Parameter companion: the place of what goes with it.
  func json(companion: Int?) -> JSON {
    switch self {
    case .disk(let disk):
      [
        "companion": companion.map { .integer($0) } ?? nil,
        "name": .string(disk.path), "size": .number(disk.size), "sector": .integer(Int(disk.sectorSize)),
        "device": .bool(disk.isBlockDevice), "layout": disk.layout.json, "mark": .string(disk.mark.rawValue),
      ]
    case .stream(let view): ["name": .string(view.name)]
    }
  }
}

/// What a task is given: the values of its request and its descriptors. It is used by one thread at a time.
package final class WorkerContext: @unchecked Sendable {
  package let values: JSON
  package let steps: Steps
  private let descriptors: [JSON]
  private let take: Taking
  private let wire: Wire

  /// Gives the descriptor in a place, under that name.
  typealias Taking = (Int, String) throws(Failure) -> Descriptor

  init(_ request: JSON, _ wire: Wire, _ take: @escaping Taking) throws(Failure) {
    self.take = take
    self.wire = wire
    values = request["values"] ?? nil
    descriptors = try request.list("descriptors")
    steps = Steps(to: WireSink(wire))
  }

  /// How many there are.
  package var count: Int { descriptors.count }

  /// Takes the descriptor in that place.
  package func descriptor(_ place: Int) throws(Failure) -> Descriptor {
    guard place < descriptors.count else { throw Failure(.io, "a worker was not given its descriptor \(place)") }
    return try take(place, try descriptors[place].text("name"))
  }

  /// Takes the disk in that place.
  package func disk(_ place: Int) throws(Failure) -> Disk {
    let descriptor = try descriptor(place)
    let json = descriptors[place]
    var uncached: SharedDescriptor?
    if json["companion"]?.integer != nil {
      let place = Int(clamping: try json.number("companion"))
      uncached = SharedDescriptor(try take(place, descriptor.name))
    }
    let disk = Disk(
      handedOver: descriptor, uncached: uncached, size: try json.number("size"),
      sectorSize: UInt32(clamping: try json.number("sector")),
      isBlockDevice: try json.flag("device"))
    disk.layout = try DiskLayout(json["layout"] ?? nil, onDiskOf: disk.size)
    disk.mark = Disk.Mark(rawValue: try json.text("mark")) ?? .written
    return disk
  }

  /// Waits for what the broker says of the input once that has ended.
  ///
  /// - Throws: what was wrong with it, where it is not whole.
  package func confirmInput() throws(Failure) {
    guard let word = try wire.receive(atMost: Wire.longestRequest) else {
      throw Failure(.io, "nothing tells whether the input is whole")
    }
    if let failure = word["failure"].flatMap({ Failure($0) }) { throw failure }
  }
}

/// Sends the steps of a worker to the broker, which shows them.
private struct WireSink: StepSink {
  let wire: Wire
  let now: @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
  let interval = Duration.milliseconds(100)

  init(_ wire: Wire) {
    self.wire = wire
  }

  // A broker that is gone ends its workers.
  private func send(_ frame: Frame) { try? wire.send(frame.json) }

  func begin(_ title: String) { send(.begin(title.shortened)) }
  func show(_ title: String, _ measure: StepMeasure, after time: Duration) { send(.progress(measure)) }
  func end(_ title: String, _ words: String?, after time: Duration) { send(.end(words?.shortened)) }
  func note(_ line: String) { send(.note(line.shortened)) }
}
