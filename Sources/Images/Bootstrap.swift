// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// Makes a system from packages, with mmdebstrap: a tar file of it.
package struct Bootstrap: Sendable {
  /// What every guest has besides Debian's own minimum, its kernel, and what it needs for its configuration
  /// (`GuestPackages`).
  package static let basePackages = [
    "ca-certificates",  // mirrors by https
    "initramfs-tools",  // MODULES=most is its default: an initrd for virtio, Xen and IDE alike
    "tzdata",
    "zstd",  // packs the initrd several times as fast as gzip
  ]

  /// The room in bytes that a build takes in the cache while it goes on: the tree, and its tar or image.
  package static let neededRoom: UInt64 = 2 << 30

  let recipe: ImageRecipe
  /// The folder for all that is temporary; what is left in it is the caller's to remove.
  let scratch: String
  /// Where programs are looked up, here and in the guest to be.
  let searchPath: String

  package init(
    _ recipe: ImageRecipe, scratch: String,
    searchPath: String = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  ) {
    self.recipe = recipe
    self.scratch = scratch
    self.searchPath = searchPath
  }

  /// Bootstraps the recipe into the tar file `tar`.
  ///
  /// All of it lives in a process and a mount namespace of its own: when this process ends, even by SIGKILL, the kernel
  /// ends every process in there and takes away every mount.
  ///
  /// - Throws: `.tool` when a program is missing or mmdebstrap fails, with its last lines.
  package func run(into tar: String, progress: StepProgress) throws(Failure) {
    try requirePrograms()
    try writeInputs()
    let pipe = try Pipe()
    var command = self.command(tar: tar, isRoot: geteuid() == 0)
    command.output = .descriptor(pipe.writer.raw)
    command.error = .descriptor(pipe.writer.raw)
    let child = try command.start()
    var log = BootstrapLog(progress: progress)
    try log.follow(pipe.keepingReader(), copyTo: Descriptor(logFile, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600))
    let status = try child.wait()
    guard status.isSuccess else {
      throw log.failure(status, mirrors: recipe.sources.withoutCredentials.entries.flatMap(\.uris))
    }
  }

  /// The whole call. Without root it runs as the root of a user namespace, with the ids that /etc/subuid gives the user.
  func command(tar: String, isRoot: Bool) -> Command {
    let namespaces = ["--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc"]
    let user = isRoot ? [] : ["--user", "--map-root-user", "--map-auto"]
    let arguments =
      [
        "--verbose", "--variant=minbase", "--format=tar", "--mode=\(isRoot ? "root" : "unshare")",
        // It concerns mirrors given as a bare URI only, and calls gpg for each key to find out.
        "--skip=check/signed-by",
        "--include=\(recipe.packages.joined(separator: ","))",
      ] + hooks.map { "--\($0.stage)-hook=\($0.script)" } + mirrorHooks + [recipe.suite, tar, sourcesFile]
    var command = Command("unshare", user + namespaces + ["--", "mmdebstrap"] + arguments)
    command.environment = [
      "PATH": searchPath, "LC_ALL": "C.UTF-8", "TMPDIR": scratch,
      "GUESTSMITH_SOURCES": "\(scratch)/guest.sources", "GUESTSMITH_APT_CONF": aptConfigurationFile,
      "GUESTSMITH_KEYS": recipe.sources.keyFiles.joined(separator: " "),
    ]
    for name in ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy"] {
      if let value = getenv(name) { command.environment?[name] = String(cString: value) }
    }
    command.input = .null
    return command
  }

  /// Shell scripts that mmdebstrap runs outside the tree, whose folder is `$1`; each one line, as mmdebstrap logs them.
  var hooks: [(stage: String, script: String)] {
    [
      // The tree is thrown away when it is torn: dpkg need not wait for the disk after each file. And apt has to reach
      // the mirror in the way that it does on this machine: proxies above all.
      (
        "setup",
        """
        set -e; \
        echo force-unsafe-io > "$1/etc/dpkg/dpkg.cfg.d/00guestsmith"; \
        cat "$GUESTSMITH_APT_CONF" > "$1/etc/apt/apt.conf.d/00guestsmith"
        """
      ),
      // What belongs to this machine, or to one guest only, does not go into the image of all of them.
      (
        "customize",
        """
        set -e; \
        rm "$1/etc/dpkg/dpkg.cfg.d/00guestsmith" "$1/etc/apt/apt.conf.d/00guestsmith"; \
        rm "$1/etc/apt/sources.list.d/0000debian.sources"; \
        install -m 644 "$GUESTSMITH_SOURCES" "$1/etc/apt/sources.list.d/debian.sources"; \
        for key in $GUESTSMITH_KEYS; do test -e "$1$key" || install -D -m 644 "$key" "$1$key"; done; \
        test -L "$1/etc/resolv.conf" || rm -f "$1/etc/resolv.conf"; \
        rm -f "$1/etc/hostname" "$1"/etc/ssh/ssh_host_*
        """
      ),
    ]
  }

  /// Packages from a folder of this machine have to be seen from inside the tree.
  private var mirrorHooks: [String] {
    let isLocal = recipe.sources.entries.contains { entry in
      entry.uris.contains { $0.hasPrefix("file:") || $0.hasPrefix("copy:") }
    }
    return isLocal ? ["--hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount"] : []
  }

  private func requirePrograms() throws(Failure) {
    for (program, package) in [("mmdebstrap", "mmdebstrap"), ("unshare", "util-linux")] {
      let isFound = searchPath.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
      guard isFound else {
        throw Failure(
          .tool, "\(program), which makes a system from packages, is not installed",
          remedy: "run apt-get install \(package)")
      }
    }
  }

  /// Writes the files that the call names.
  private func writeInputs() throws(Failure) {
    let folder = try Folder(scratch)
    // mmdebstrap goes by the name's end to tell which form it has.
    try folder.write(Array(recipe.sources.text.utf8), to: "debian.sources", mode: 0o600)
    try folder.write(Array(recipe.sources.withoutCredentials.text.utf8), to: "guest.sources", mode: 0o600)
    try folder.write(Array(aptConfiguration().utf8), to: "apt.conf", mode: 0o600)
  }

  private var sourcesFile: String { "\(scratch)/debian.sources" }
  private var aptConfigurationFile: String { "\(scratch)/apt.conf" }
  private var logFile: String { "\(scratch)/mmdebstrap.log" }

  /// How apt on this machine reaches its mirrors, as lines of apt.conf(5); mmdebstrap itself heeds none of it.
  private func aptConfiguration() throws(Failure) -> String {
    let prefixes = ["http::", "https::", "ftp::", "Check-Valid-Until", "Check-Date", "Retries", "ForceIPv"]
    var command = Command("apt-config", ["dump"])
    command.environment = ["PATH": searchPath, "LC_ALL": "C.UTF-8"]
    let (status, output) = try command.capture(limit: 1 << 20)
    guard status.isSuccess else { return "" }
    return String(decoding: output, as: UTF8.self).split(separator: "\n")
      .filter { line in prefixes.contains { line.lowercased().hasPrefix("acquire::\($0.lowercased())") } }
      .map { $0 + "\n" }.joined()
  }
}
