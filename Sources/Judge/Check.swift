// SPDX-License-Identifier: Apache-2.0

/// The table of all checks, in the order of the report. The raw value is the identifier, which does not change.
package enum Check: String, CaseIterable, Sendable {
  // Without running anything.
  case folder = "static.folder"
  case name = "static.name"
  case versionFile = "static.version-file"
  case scripts = "static.scripts"
  case interpreters = "static.interpreters"
  case permissions = "static.permissions"
  case variants = "static.variants"
  case parameters = "static.parameters"
  case series = "static.series"
  // How it is called.
  case help = "usage.help"
  case wrongArguments = "usage.wrong-arguments"
  case verifyAccepts = "verify.accepts"
  case verifyRefuses = "verify.refuses"
  // What it does.
  case create = "create.succeeds"
  case filesystem = "create.filesystem"
  case table = "create.table"
  case bootsBIOS = "create.boots-bios"
  case bootsUEFI = "create.boots-uefi"
  case reinstallNames = "create.reinstall-names"
  case environment = "create.environment"
  case path = "create.path"
  case together = "create.two-at-once"
  case identities = "create.identities"
  case network = "create.network"
  case closedStreams = "create.closed-streams"
  case export = "export.succeeds"
  case exportReadsOnly = "export.disk-unchanged"
  case exportData = "export.only-data"
  case exportFull = "export.write-error"
  case `import` = "import.succeeds"
  case sameTree = "import.same-contents"
  case importFilesystem = "import.filesystem"
  case bootFiles = "import.boot-files"
  case importNames = "import.names"
  case features = "import.features"
  case rename = "rename.succeeds"
  case renamedTo = "rename.name"
  case renamedOnly = "rename.nothing-else"
  // What it refuses.
  case halfDump = "import.half-dump"
  case shortDump = "import.last-byte-missing"
  case garbageDump = "import.garbage"
  case emptyDump = "import.empty"
  case smallDisk = "refuses.small-disk"
  case missingDisk = "refuses.missing-disk"
  case readOnlyDisk = "refuses.read-only-disk"
  case smallImport = "refuses.small-disk-at-import"
  // What a guest can do to the host.
  case hostileCreate = "hostile.create"
  case hostileImport = "hostile.import"
  case hostileRename = "hostile.rename"
  // What it leaves, over all calls.
  case hostFiles = "host.unchanged"
  case otherDisks = "host.other-disks"
  case loopDevices = "leaks.loop-devices"
  case mounts = "leaks.mounts"
  case mappings = "leaks.mappings"
  case processes = "leaks.processes"
  case temporaryFiles = "leaks.temporary-files"
  case secrets = "leaks.secrets"

  /// Whether it is made by looking at the files alone.
  package var isStatic: Bool { rawValue.hasPrefix("static.") }

  /// Why it matters.
  package var why: String {
    switch self {
    case .folder: "A host looks for a definition as a folder that it can read."
    case .name:
      "Ganeti builds paths, log names and command lines from the name, and ignores names that it does not accept."
    case .versionFile: "By this file alone a host knows how to call the scripts; one wrong line makes the OS invalid."
    case .scripts:
      "Every script of the declared versions has to be there, as a regular file that its owner can execute."
    case .interpreters:
      "A script whose interpreter is missing is valid to every host, and fails only when it is called."
    case .permissions: "The scripts run as root: a user who can write to them or replace them is root."
    case .variants: "Every line is offered to the administrator as a variant, whether or not it is meant as one."
    case .parameters: "Ganeti's own commands crash on a line without a help text, and so on a blank one."
    case .series: "A definition should be valid on every release of Ganeti that speaks a version which it declares."
    case .help: "The manual wants a usage message for -h and --help: trying a script must not damage anything."
    case .wrongArguments:
      "The manual wants a usage message for a wrong number of arguments, and an exit status that says so."
    case .verifyAccepts: "A host refuses to make an instance for which verify fails; verify must not need a disk."
    case .verifyRefuses: "What verify accepts fails later, when the disks are made and the old guest is gone."
    case .create: "An instance cannot be made without it."
    case .filesystem:
      "A guest that starts from a damaged filesystem loses data later, when the cause is no longer known."
    case .table:
      "The copy of a GPT at the end of the disk saves the partitions when the first one is damaged; elsewhere nothing finds it."
    case .bootsBIOS, .bootsUEFI:
      "A guest that its host starts by firmware runs only where that finds a boot loader on the disk."
    case .environment: "Daemons start scripts without HOME and without a terminal, and with a short PATH."
    case .path: "The environment that the host was started in must not decide which programs root runs."
    case .together: "A cluster installs several instances on one node at the same time."
    case .identities:
      "Two guests with one machine-id, host key or UUID are taken for one another, by networks, clients and kernels."
    case .network:
      "An instance has as many interfaces as its administrator gave it: one that is left out is a network that is missing."
    case .closedStreams:
      "Where a host has closed standard output or error, the first file that is opened takes its number: what is meant "
        + "for the log is written to the guest's disk."
    case .export: "An instance cannot be backed up without it."
    case .exportReadsOnly: "The guest may be running, and its disk may be a snapshot: an export only reads."
    case .exportData: "Standard output is the dump: a message between the data is restored as data."
    case .exportFull: "A dump that did not fit is not a backup; only the exit status can say so."
    case .import: "A backup is worth nothing when it cannot be restored."
    case .sameTree: "A restored guest has the files that it had, with their owners, modes, links and attributes."
    case .importNames:
      "Names of files have up to 255 bytes of any value: two names must not become one, and none may be lost."
    case .reinstallNames: "A reinstallation that keeps files must not drop those whose names are not UTF-8."
    case .importFilesystem: "A restored guest must not start from a damaged filesystem."
    case .bootFiles:
      "A guest whose filesystem has another UUID does not boot where a boot loader or a kernel command line names the old one."
    case .features:
      "A guest boots from the filesystem that it was made with: its boot loader may not read a feature that is added."
    case .rename: "Ganeti calls it at each rename, and after each import under a new name."
    case .renamedTo: "Otherwise the guest keeps answering to a name that is not its own."
    case .renamedOnly: "A rename is not a reason to change anything else in a guest."
    case .halfDump: "Connections break: half a guest must not count as restored."
    case .shortDump: "A broken connection or a full disk cuts off the end first."
    case .garbageDump: "A wrong file must not count as a restored guest."
    case .emptyDump: "An export that failed leaves an empty dump, and hosts of version 5 do not notice."
    case .smallDisk: "A guest that does not fit has to fail now, not at its first boot."
    case .missingDisk: "A disk that is not there must not become a file of that name."
    case .readOnlyDisk: "A disk that cannot be written cannot hold a new guest, whatever the script says."
    case .smallImport: "A guest that does not fit has to fail now, not at its first boot."
    case .hostileCreate:
      "What was on the disk before is its last owner's: links in it must not lead root to the host's files."
    case .hostileImport: "A dump is the guest's: links in it must not lead root to the host's files."
    case .hostileRename: "A guest's administrator owns its files: links in it must not lead root to the host's files."
    case .hostFiles: "A script works on its instance's disks; the host stays as it is, except for caches and logs."
    case .otherDisks: "A disk that a call is not for belongs to another guest."
    case .loopDevices:
      "A leftover loop device keeps the disk in use: the disk cannot be removed, and loop devices run out."
    case .mounts: "A leftover mount keeps the disk in use, and shows a guest's files to the host."
    case .mappings: "A leftover mapping keeps the disk in use: it cannot be removed or moved."
    case .processes: "A leftover process keeps the disk in use, and Ganeti's job waits for it."
    case .temporaryFiles: "Leftover files add up, and may hold a guest's secrets."
    case .secrets: "Ganeti keeps secret parameters out of its logs; a script that prints them puts them back."
    }
  }
}

/// What one check came to.
package struct Finding: Sendable, Equatable {
  package enum Outcome: Sendable, Equatable {
    case pass
    /// With what is wrong, in one line.
    case fail(String)
    /// With the reason.
    case notApplicable(String)
  }

  package let check: Check
  /// The version of the interface in which the scripts were called; nil for what does not depend on it.
  package let version: Int?
  package let outcome: Outcome
  /// Lines: what was found, how a script ended, the end of its log.
  package let evidence: [String]

  package init(_ check: Check, version: Int? = nil, _ outcome: Outcome, evidence: [String] = []) {
    self.check = check
    self.version = version
    self.outcome = outcome
    self.evidence = evidence
  }

  package var hasFailed: Bool { if case .fail = outcome { true } else { false } }

  /// `pass`, `fail` or `not applicable`.
  package var word: String {
    switch outcome {
    case .pass: "pass"
    case .fail: "fail"
    case .notApplicable: "not applicable"
    }
  }

  /// What is wrong, or why it does not apply; nil for what passed.
  package var reason: String? {
    switch outcome {
    case .pass: nil
    case .fail(let words), .notApplicable(let words): words
    }
  }
}
