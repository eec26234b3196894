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

  /// The room in bytes that the build of a small guest takes in the cache while it goes on: the tree, and its tar or image.
  package static let neededRoom: UInt64 = 2 << 30

  /// Where programs are looked up, here and in the guest to be.
  static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  let recipe: ImageRecipe
  /// The folder for all that is temporary; what is left in it is the caller's to remove.
  let scratch: String
  let searchPath: String

  package init(_ recipe: ImageRecipe, scratch: String, searchPath: String = Bootstrap.searchPath) {
    self.recipe = recipe
    self.scratch = scratch
    self.searchPath = searchPath
  }

  /// Bootstraps the recipe into the tar file `tar`.
  ///
  /// What would end it is found before packages are fetched. All of it lives in a process and a mount namespace of its own:
  /// when this process ends, even by SIGKILL, the kernel ends every process in there and takes away every mount.
  ///
  /// - Returns: the sources that were used: of those whose names do not tell their release, the archives said it.
  /// - Throws: `.tool` when a program is missing or fails, with its last lines; `.invalid` when the packages cannot be
  ///   installed; `.space` when the room does not do.
  package func run(into tar: String, progress: StepProgress) throws(Failure) -> AptSources {
    try requirePrograms()
    try requireGround(isRoot: geteuid() == 0)
    let sources = try fetchLists(progress: progress)
    try writeInputs(sources)
    let pipe = try Pipe()
    var command = self.command(tar: tar, isRoot: geteuid() == 0)
    command.output = .descriptor(pipe.writer.view)
    command.error = .descriptor(pipe.writer.view)
    let child = try command.start()
    var log = BootstrapLog(program: "mmdebstrap", progress: progress)
    try log.follow(pipe.keepingReader(), copyTo: Descriptor(logFile, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600))
    let status = try child.wait()
    guard status.isSuccess else {
      throw hookFailure(log) ?? log.failure(status, mirrors: sources.mirrors)
    }
    return sources
  }

  // MARK: Before the packages

  /// Fetches the lists of the archives, asks them which of the sources are of the release, and has apt work out whether
  /// the packages can be installed and what room that takes.
  private func fetchLists(progress: StepProgress) throws(Failure) -> AptSources {
    try makeFolder("apt", below: scratch).close()
    let pins = recipe.isFromMachine ? AptPreferences.text(recipe.apt, hosts: nil) : ""
    try Folder(scratch).write(Array(pins.utf8), to: "preferences")
    progress.detail("the lists of packages")
    try update.run(
      recipe.sources.copying(into: scratch), mirrors: recipe.sources.mirrors, settings: settings,
      architecture: recipe.architecture)
    let sources = try recipe.sources.narrowed(to: recipe.suite, lists: update.lists)
    let (fetched, installed) = try update.plan(recipe.packages)
    // The tree is there twice: as files, and in the tar or in the image.
    try requireRoom(fetched + 2 * installed + installed / 4, in: scratch, for: "building the image")
    return sources
  }

  /// The namespaces that all of it lives in. Without root it runs as the root of a user namespace, with the ids that
  /// /etc/subuid gives the user.
  func namespaces(isRoot: Bool) -> [String] {
    (isRoot ? [] : ["--user", "--map-root-user", "--map-auto"])
      + ["--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--"]
  }

  /// The whole call.
  func command(tar: String, isRoot: Bool) -> Command {
    let arguments =
      [
        "--verbose", "--variant=minbase", "--format=tar", "--mode=\(isRoot ? "root" : "unshare")",
        // It concerns mirrors given as a bare URI only, and calls gpg for each key to find out.
        "--skip=check/signed-by",
        "--include=\(recipe.packages.joined(separator: ","))",
      ] + hooks.map { "--\($0.stage)-hook=\($0.script)" } + [recipe.suite, tar, sourcesFile]
    var command = Command("unshare", namespaces(isRoot: isRoot) + ["mmdebstrap"] + arguments)
    command.environment = [
      "PATH": searchPath, "LC_ALL": "C.UTF-8", "TMPDIR": scratch, "GUESTSMITH_APT_CONF": aptConfigurationFile,
      "GUESTSMITH_LISTS": update.listsFolder, "GUESTSMITH_GUEST": guestFolder,
    ].merging(proxyVariables()) { $1 }
    // Thousands of times dpkg and the packages' scripts wait for the disk, which takes minutes on one that is busy; the tree
    // is thrown away when it is torn. Without root the filter would keep newuidmap(1) from its rights.
    if isRoot { command.pretence = .written }
    if !recipe.debconf.isEmpty { command.environment?["GUESTSMITH_DEBCONF"] = answersFile }
    if recipe.buildHook != nil { command.environment?["GUESTSMITH_BUILD_HOOK"] = hookFile }
    command.input = .null
    return command
  }

  /// Shell scripts that mmdebstrap runs outside the tree, whose folder is `$1`; each one line, as mmdebstrap logs them.
  var hooks: [(stage: String, script: String)] {
    [
      // Without root dpkg does not wait for the disk after each file at least. And apt has to reach
      // the mirror in the way that it does on this machine: proxies above all. The lists are there already.
      (
        "setup",
        """
        set -e; \
        echo force-unsafe-io > "$1/etc/dpkg/dpkg.cfg.d/00guestsmith"; \
        cat "$GUESTSMITH_APT_CONF" > "$1/etc/apt/apt.conf.d/00guestsmith"; \
        cp -a "$GUESTSMITH_LISTS"/*_* "$1/var/lib/apt/lists/"
        """
      )
    ] + siteHooks + [
      // What belongs to this machine, or to one guest only, does not go into the image of all of them. A key that the
      // guest has from a package of its own stays that one.
      (
        "customize",
        """
        set -e; \
        rm "$1/etc/dpkg/dpkg.cfg.d/00guestsmith" "$1/etc/apt/apt.conf.d/00guestsmith"; \
        rm "$1/etc/apt/sources.list.d/0000debian.sources"; \
        cp -r --no-clobber --preserve=mode "$GUESTSMITH_GUEST"/. "$1/"; \
        if test -e "$GUESTSMITH_GUEST\(GuestApt.certificates)"; then chroot "$1" update-ca-certificates; fi; \
        test -L "$1/etc/resolv.conf" || rm -f "$1/etc/resolv.conf"; \
        rm -f "$1/etc/hostname" "$1"/etc/ssh/ssh_host_*
        """
      )
    ] + (recipe.bootLoader?.hooks ?? [])
  }

  /// What the site has said: answers for the packages that are configured after the essential ones, and its program, while the
  /// tree has still the way to the mirror that this machine has.
  private var siteHooks: [(stage: String, script: String)] {
    let answers = ("essential", #"chroot "$1" debconf-set-selections < "$GUESTSMITH_DEBCONF""#)
    let program = (
      "customize",
      #""$GUESTSMITH_BUILD_HOOK" "$1" || { status=$?; echo "$status" > "$GUESTSMITH_BUILD_HOOK.status"; exit "$status"; }"#
    )
    // Passwords that it was told are in the packages' own files by now, if at all: the image does without them.
    let passwords = ("customize", #"rm -f "$1"/var/cache/debconf/passwords.dat*"#)
    return (recipe.debconf.isEmpty ? [] : [answers]) + (recipe.buildHook == nil ? [] : [program])
      + (recipe.debconf.isEmpty ? [] : [passwords])
  }

  /// Where it was the site's program that failed.
  private func hookFailure(_ log: BootstrapLog) -> Failure? {
    guard let hook = recipe.buildHook, let status = fileText("\(hookFile).status")?.split(separator: "\n").first else {
      return nil
    }
    return Failure(
      .tool, "build_hook = \(hook.path) failed with exit status \(status); its last words:\(log.lastLines)",
      remedy: "correct it; the folder of the guest's tree is its first argument")
  }

  // MARK: Files

  /// Writes the files that the call names.
  private func writeInputs(_ sources: AptSources) throws(Failure) {
    let folder = try Folder(scratch)
    // mmdebstrap goes by the name's end to tell which form it has.
    try folder.write(Array(sources.copying(into: scratch).text.utf8), to: "debian.sources", mode: 0o600)
    try folder.write(Array(settings.utf8), to: "apt.conf", mode: 0o600)
    if !recipe.debconf.isEmpty { try folder.write(Array(recipe.debconf.text.utf8), to: "debconf", mode: 0o600) }
    if let hook = recipe.buildHook { try folder.write(hook.bytes, to: "build-hook", mode: 0o700) }
    for file in recipe.guest(with: sources).files {
      let (folder, name) = splitPath(file.path)
      try makeFolder("guest" + folder, below: scratch).write(file.bytes, to: name)
    }
  }

  /// How apt on this machine reaches and believes the archives; mmdebstrap itself heeds none of it.
  private var settings: String { recipe.apt.forBootstrap(preferences: "\(scratch)/preferences") }
  private var update: AptUpdate { AptUpdate(folder: "\(scratch)/apt", searchPath: searchPath) }
  /// What the guest gets, in folders as in the guest.
  private var guestFolder: String { "\(scratch)/guest" }
  private var sourcesFile: String { "\(scratch)/debian.sources" }
  private var aptConfigurationFile: String { "\(scratch)/apt.conf" }
  private var answersFile: String { "\(scratch)/debconf" }
  private var hookFile: String { "\(scratch)/build-hook" }
  private var logFile: String { "\(scratch)/mmdebstrap.log" }
}
