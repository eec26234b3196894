// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report
internal import Synchronization

// Where the value of a secret parameter turns up.

extension Trial {
  func judgeSecrets(_ created: Made<CreatedGuest>) {
    judge(.secrets, with: created) { _ throws(Failure) in
      guard version >= InterfaceVersion.firstWithParameters else {
        return .notApplicable("version \(version) has no parameters")
      }
      let known = definition.contents?.parameters.map(\.name) ?? []
      guard !known.isEmpty else { return .notApplicable("it has no parameters") }
      let names = secretNames(known)
      guard !names.isEmpty else {
        return .notApplicable("no parameter is known to be secret: name one by --secret")
      }
      let (disk, swap) = (try newDisk("secret"), try newSwap("secret-swap"))
      var instance = instance([disk, swap])
      var values: [String: String] = [:]
      // One that makes sense beside another parameter alone is refused by itself.
      var left: [String] = []
      for name in names {
        guard let (value, parameter) = try acceptedValue(of: name, instance) else {
          left.append("verify refuses what was made up for \(name): give a value by --secret \(name)=VALUE")
          continue
        }
        values[name] = value
        instance.parameters[name] = parameter
      }
      if values.isEmpty, let first = left.first { return .notApplicable(first) }
      let sampler = CommandLineSampler(Array(values.values))
      let ending = try call(.create(isReinstall: false), instance)
      let seen = sampler.stop()
      var evidence = ["tried with \(values.keys.sorted().joined(separator: ", ")): \(ending.words)"]
      for (name, value) in values.sorted(by: { $0.key < $1.key }) {
        if seen.contains(value) { evidence.append("the value of \(name) was an argument of a process, for all to see") }
        for log in logs where (try? isFound(value, in: log)) == true {
          evidence.append("the value of \(name) is in the log of the script")
        }
        for path in host.changedFiles() where (try? isFound(value, in: path)) == true {
          evidence.append("the value of \(name) is in \(path.escaped)")
        }
      }
      if evidence.count > 1 { return .fail(evidence[1], evidence) }
      // A create that failed may have told nothing yet.
      return ending.isSuccess
        ? .pass(evidence + left + ending.evidence) : .notApplicable("create failed with it", evidence + ending.evidence)
    }
  }

  /// The value that is given, or one that is made up and that verify lets pass.
  private func acceptedValue(of name: String, _ instance: Instance) throws(Failure) -> (String, Instance.Parameter)? {
    let mark = "Marked" + randomBytes(16).map { String($0 & 15, radix: 16) }.joined()
    // A word, a hash as of SHA-512 for crypt(3), a line for authorized_keys.
    let hash = "$6$\(mark.prefix(14))$" + String(repeating: "a./0", count: 21) + "Z1"
    for value in options.parameters[name].map({ [$0] }) ?? [mark, hash, "ssh-ed25519 AAAAC3NzaC1lZDI1 \(mark)"] {
      var instance = instance
      let parameter = Instance.Parameter(value, .secret)
      instance.parameters[name] = parameter
      if try call(.verify, instance).isSuccess { return (value, parameter) }
    }
    return nil
  }

  private func secretNames(_ known: [String]) -> [String] {
    if !options.secrets.isEmpty { return known.filter { options.secrets.contains($0) }.sorted() }
    let words = ["password", "passwd", "secret", "token", "private-key", "private_key", "passphrase"]
    return known.filter { name in words.contains { name.lowercased().contains($0) } }
  }

  private var logs: [String] {
    allEntries(of: "\(runner.logFolder)/os").names.map { "\(runner.logFolder)/os/\($0)" }
  }
}

/// Whether the value is anywhere in the file at `path`; what was never written of that is not read.
private func isFound(_ value: String, in path: String) throws(Failure) -> Bool {
  let (wanted, piece) = (Array(value.utf8), 1 << 20)
  let file = try Descriptor(path, O_RDONLY | O_NONBLOCK)
  let view = file.view
  return try withBuffer(of: piece + wanted.count) { buffer throws(Failure) in
    var offset: UInt64 = 0
    while let data = view.nextData(from: offset) {
      let count = try view.readFull(into: buffer, at: data)
      guard count > 0 else { break }
      if UnsafeRawBufferPointer(rebasing: buffer[..<count]).has(wanted) { return true }
      // The pieces overlap: the value may lie over the end of one.
      offset = data + UInt64(piece)
    }
    return false
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func has(_ wanted: [UInt8]) -> Bool {
    guard let first = wanted.first, let start = baseAddress else { return false }
    var position = 0
    while position + wanted.count <= count, let found = memchr(start + position, Int32(first), count - position) {
      position = start.distance(to: UnsafeRawPointer(found))
      if position + wanted.count <= count, memcmp(start + position, wanted, wanted.count) == 0 { return true }
      position += 1
    }
    return false
  }
}

/// Looks at the arguments of all processes, again and again, as any user of a machine can.
private final class CommandLineSampler: Sendable {
  private struct State {
    var found: Set<String> = []
    var isStopping = false
    var hasStopped = false
  }

  private let state = Mutex(State())

  init(_ values: [String]) {
    DispatchQueue.global(qos: .userInitiated).async { [self] in
      while !state.withLock({ $0.isStopping }) {
        for name in allEntries(of: "/proc").names where Int32(name) != nil {
          guard let words = fileText("/proc/\(name)/cmdline") else { continue }
          for value in values where words.contains(value) { state.withLock { _ = $0.found.insert(value) } }
        }
        usleep(1000)
      }
      state.withLock { $0.hasStopped = true }
    }
  }

  /// What was seen.
  func stop() -> Set<String> {
    state.withLock { $0.isStopping = true }
    while !state.withLock({ $0.hasStopped }) { usleep(1000) }
    return state.withLock { $0.found }
  }
}
