// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// The lists of the archives for one bootstrap, in a folder of their own. They are fetched once: asked before anything else
/// is, and handed on to mmdebstrap, whose apt then fetches only what has changed meanwhile.
struct AptUpdate {
  /// The folder, which has to be there.
  let folder: String
  let searchPath: String

  var listsFolder: String { "\(folder)/var/lib/apt/lists" }
  private var configurationFile: String { "\(folder)/apt.conf" }
  private var sourcesFile: String { "\(folder)/bootstrap.sources" }

  private var environment: [String: String] {
    ["PATH": searchPath, "LC_ALL": "C.UTF-8", "APT_CONFIG": configurationFile, "TMPDIR": folder]
      .merging(proxyVariables()) { $1 }
  }

  var lists: AptLists { AptLists(environment: environment) }

  /// Fetches the lists of `sources`.
  ///
  /// - Parameters:
  ///   - mirrors: the words for them in a message.
  ///   - settings: lines of apt.conf(5): how the archives are reached and believed.
  /// - Throws: `.tool` with apt's last words.
  func run(_ sources: AptSources, mirrors: [String], settings: String, architecture: String) throws(Failure) {
    for name in ["var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "etc/apt"] {
      try makeFolder(name, below: folder).close()
    }
    let here = try Folder(folder)
    try here.write(Array(sources.text.utf8), to: "bootstrap.sources")
    let own = """
      Dir "\(folder)";
      Dir::State::status "/dev/null";
      Dir::Etc::sourcelist "\(sourcesFile)";
      Dir::Etc::sourceparts "/dev/null";
      Dir::Etc::main "/dev/null";
      Dir::Etc::parts "/dev/null";
      APT::Architecture "\(architecture)";
      APT::Architectures { "\(architecture)"; };
      APT::Install-Recommends "false";
      Acquire::Languages "none";

      """
    // apt fetches as a user without rights where that user reaches the folder.
    let sandbox = isReachableByApt ? "" : "APT::Sandbox::User \"root\";\n"
    try here.write(Array((own + settings + sandbox).utf8), to: "apt.conf")
    let (status, log) = try apt(["update", "--error-on=any"])
    guard status.isSuccess else {
      throw log.failure(status, mirrors: mirrors)
    }
  }

  /// Has apt work out what an installation of `packages` takes, without fetching any.
  ///
  /// - Returns: the bytes that have to be fetched, and those that the system takes then.
  /// - Throws: `.invalid` with apt's words where it cannot be installed.
  func plan(_ packages: [String]) throws(Failure) -> (fetched: UInt64, installed: UInt64) {
    // It says what it would fetch, and how much that is unless it is told to be quiet, as it is then by itself.
    let options = ["--print-uris", "--assume-yes", "--option", "quiet=0"]
    var command = Command("apt-get", ["install"] + options + ["--", "?essential"] + packages)
    command.environment = environment
    let (status, output) = try command.capture(limit: 1 << 20)
    // Its progress goes back to the beginning of a line.
    let text = String(decoding: output.map { $0 == UInt8(ascii: "\r") ? UInt8(ascii: "\n") : $0 }, as: UTF8.self)
    guard status.isSuccess else {
      var log = BootstrapLog(program: "apt-get", progress: StepProgress())
      log.read(text)
      var failure = log.failure(status, mirrors: [])
      failure.code = .invalid
      throw failure
    }
    return (Self.size(in: text, after: "Need to get "), Self.size(in: text, after: "After this operation, "))
  }

  /// The bytes that apt's words such as `After this operation, 1,204 MB of …` or `Need to get 0 B/78.6 MB of …` name.
  static func size(in text: String, after words: String) -> UInt64 {
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(words) }) else { return 0 }
    let parts = line.dropFirst(words.count).split { $0 == " " || $0 == "/" }
    let units = ["B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12]
    guard parts.count > 1 else { return 0 }
    // Of two sizes the second is the whole.
    let isPair = parts.count > 3 && units[String(parts[3])] != nil
    let (number, unit) = isPair ? (parts[2], parts[3]) : (parts[0], parts[1])
    guard let value = Double(number.filter { $0 != "," }), let factor = units[String(unit)], value.isFinite else {
      return 0
    }
    return UInt64(min(value * factor, 1e18))
  }

  private func apt(_ arguments: [String]) throws(Failure) -> (ExitStatus, BootstrapLog) {
    let pipe = try Pipe()
    var command = Command("apt-get", arguments)
    command.environment = environment
    command.output = .descriptor(pipe.writer.view)
    command.error = .descriptor(pipe.writer.view)
    let child = try command.start()
    var log = BootstrapLog(program: "apt-get update", progress: StepProgress())
    try log.follow(pipe.keepingReader(), copyTo: Descriptor("\(folder)/update.log", O_WRONLY | O_CREAT, mode: 0o600))
    return (try child.wait(), log)
  }

  private var isReachableByApt: Bool {
    if geteuid() != 0 { return true }
    var command = Command("/usr/lib/apt/apt-helper", ["drop-privs", "--", "test", "-r", "\(listsFolder)/partial"])
    command.environment = environment
    command.output = .null
    command.error = .null
    return (try? command.run().isSuccess) ?? true
  }
}

/// Opens a folder by its path below another, and makes what is missing of it, for everybody to read whatever the umask.
func makeFolder(_ path: String, below parent: String) throws(Failure) -> Folder {
  var folder = try Folder(parent)
  for part in path.split(separator: "/") {
    try folder.make(String(part))
    folder = try Folder(String(part), in: folder)
  }
  return folder
}

/// The variables by which this process was told of proxies.
func proxyVariables() -> [String: String] {
  var variables: [String: String] = [:]
  for name in ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy"] {
    if let value = getenv(name) { variables[name] = String(cString: value) }
  }
  return variables
}
