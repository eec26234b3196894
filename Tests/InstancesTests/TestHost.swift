// SPDX-License-Identifier: Apache-2.0
import Host
import Instances
import Interface
import LinuxIO
import Report
import TestSupport
import Worker

/// A host in a scratch folder: definitions in `os`, logs in `log`, instances in `state`.
struct TestHost {
  let folder: Scratch

  init(_ folder: Scratch) {
    self.folder = folder
  }

  func node(timeout: Int? = nil) -> Node {
    var node = Node(
      searchPath: SearchPath([folder("os")]), logFolder: folder("log"), state: State(folder("state")),
      steps: Steps(.quiet))
    node.limits.seconds = timeout
    node.workers = Workers(.off)
    return node
  }

  var state: State { State(folder("state")) }

  func request(_ name: String = "vm1", os: String? = "one", disks: [String] = ["0:size=8", "1:size=4"]) throws
    -> InstanceRequest
  {
    var request = InstanceRequest(name: try InstanceName(name), os: os)
    request.disks = try disks.map { try DiskTemplate(parsing: $0) }
    return request
  }

  @discardableResult
  func create(
    _ name: String = "vm1", disks: [String] = ["0:size=8", "1:size=4"], os: String = "one", timeout: Int? = nil
  ) throws -> KeptInstance {
    try node(timeout: timeout).createInstance(request(name, os: os, disks: disks))
  }

  /// The instances and what is in their folders, with digests of the disks: to be compared.
  func snapshot() throws -> String {
    try shell(
      "cd '\(folder.path)' && mkdir -p state && cd state && find instances exports -type f -exec sha256sum {} + 2>/dev/null | sort -k 2; ls -A instances exports 2>/dev/null"
    )
  }

  /// The text of the one log whose name begins so.
  func log(_ start: String) throws -> String {
    try shell("cat '\(folder("log/os"))'/\(start)*.log")
  }

  /// The built program, with the options of this host behind `line`.
  func program(_ line: String) throws -> Outcome {
    try bash("cd '\(folder.path)'; '\(TestSupport.program)' \(line)")
  }

  /// What commands that run scripts are told of this host.
  static let options = "--state state --search-path os --log-dir log"
}

func failure(of body: () throws -> Void) -> Failure? {
  do {
    try body()
    return nil
  } catch {
    return error as? Failure
  }
}

/// Whether `name` is that of a log: `START` and the time in seconds.
func isLog(_ name: some StringProtocol, _ start: String) -> Bool {
  let time = name.dropFirst(start.count).dropLast(4)
  return name.hasPrefix(start) && name.hasSuffix(".log") && time.count >= 10 && time.allSatisfy(\.isNumber)
}
