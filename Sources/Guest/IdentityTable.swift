// SPDX-License-Identifier: Apache-2.0
internal import Report

/// One thing that a machine is known by, or that it has of its own, and what becomes of it in a copy.
package struct IdentityRow: Sendable {
  package enum Treatment: String, Sendable {
    /// The file stays, without content.
    case emptied
    case removed
    /// It stays, and is named.
    case told = "reported"
  }

  /// What it takes to find out whether a file is the guest's own making, or how it is made anew.
  enum Care: Sendable {
    case none, machineID, sshHostKeys, udevNames, initiator, nvme, addresses
    /// In each guest, so that it is not worth a word; or else only where the guest has a certain program.
    case quiet, cloudInit
  }

  /// As it follows "its".
  package let name: String
  package let places: [GuestPattern]
  package let treatment: Treatment
  /// What makes it anew, or what is left to do.
  package let then: String
  /// Nil: in each copy.
  package let choice: Cleaning?
  let care: Care

  /// Whether it is made anew in a copy that a seed tells who it is: by cloud-init, or by `SeedScript`.
  package var isReachedBySeed: Bool {
    switch care {
    case .machineID, .sshHostKeys, .cloudInit, .udevNames: true
    case .none, .quiet: treatment == .removed && choice == nil
    case .initiator, .nvme, .addresses: false
    }
  }

  fileprivate init(
    _ name: String, _ treatment: Treatment, _ places: [GuestPattern], then: String, choice: Cleaning? = nil,
    _ care: Care = .none
  ) {
    self.name = name
    self.places = places
    self.treatment = treatment
    self.then = then
    self.choice = choice
    self.care = care
  }
}

/// What a copy of a guest must not share with its original, or should know of: the only list of it. Copies are made by it,
/// and plans and documentation tell it.
package enum IdentityTable {
  package static let rows = [machineID, sshHostKeys, seeds] + hardware + registered + kept + chosen

  private static let machineID = IdentityRow(
    "machine-id", .emptied, ["/etc/machine-id", "/var/lib/dbus/machine-id"],
    then: "the next boot makes one; that of D-Bus becomes a link to it", .machineID)

  static let sshHostKeys = IdentityRow(
    "ssh host keys", .removed,
    [
      "/etc/ssh/ssh_host_*_key", "/etc/ssh/ssh_host_*_key.pub", "/etc/ssh/ssh_host_*_key-cert.pub",
      "/etc/ssh/ssh_host_key",
      "/etc/ssh/ssh_host_key.pub",
    ],
    then:
      "the guest's sshd makes them where its distribution has that, else a unit of ours; they stay where nothing would. "
      + "Those that HostKey names elsewhere stay, and are reported",
    .sshHostKeys)

  private static let seeds = IdentityRow(
    "random seed and credential secret", .removed,
    [
      "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret", "/var/lib/urandom/random-seed",
      "/var/lib/misc/random-seed", "/var/lib/random-seed", "/var/lib/seedrng/*", "/boot/loader/random-seed",
      "/boot/efi/loader/random-seed",
      "/efi/loader/random-seed",
    ], then: "made when they are needed; those in other partitions stay", .quiet)

  private static let hardware = [
    IdentityRow(
      "names of interfaces and drives by address", .removed,
      [
        "/etc/udev/rules.d/70-persistent-net.rules", "/etc/udev/rules.d/70-persistent-cd.rules",
        "/etc/udev/rules.d/z25_persistent-net.rules",
      ], then: "made by udev; those that its administrator wrote stay", .udevNames),
    IdentityRow(
      "DHCP leases and DUIDs", .removed,
      [
        // A server keeps its own beside them.
        "/var/lib/dhcp/dhclient*.lease", "/var/lib/dhcp/dhclient*.leases", "/var/lib/dhclient/*.lease",
        "/var/lib/dhclient/*.leases",
        "/var/lib/dhcpcd/*.lease", "/var/lib/dhcpcd/*.lease6", "/var/lib/dhcpcd/*duid", "/var/lib/dhcpcd/*secret",
        "/var/lib/dhcpcd5/*.lease", "/var/lib/dhcpcd5/*.lease6", "/var/db/dhcpcd/**/*", "/etc/dhcpcd.duid",
        "/etc/dhcpcd.secret", "/var/lib/dhcpv6/dhcp6c_duid",
        "/var/lib/NetworkManager/*.lease", "/var/lib/NetworkManager/*secret_key",
        "/var/lib/NetworkManager/*seen-bssids", "/var/lib/wicked/*.xml", "/var/lib/systemd/network/**/*",
      ], then: "the copy asks for an address of its own"),
    IdentityRow(
      "devices of LVM", .removed, ["/etc/lvm/devices/system.devices", "/etc/lvm/devices/backup/*"],
      then: "LVM looks at all disks"),
    IdentityRow(
      "name of the iSCSI initiator", .removed, ["/etc/iscsi/initiatorname.iscsi"],
      then: "made at the next start; one that its administrator chose stays, and is reported", .initiator),
    IdentityRow(
      "name of the NVMe host", .removed, ["/etc/nvme/hostnqn", "/etc/nvme/hostid"],
      then: "made of the machine's UUID; one that its administrator chose stays, and is reported", .nvme),
    IdentityRow(
      "state of cloud-init", .removed,
      [
        "/var/lib/cloud/instance", "/var/lib/cloud/instances/**/*", "/var/lib/cloud/data/**/*",
        "/var/lib/cloud/sem/**/*",
      ], then: "it takes the copy for a new machine; its seed stays", .cloudInit),
  ]

  private static let registered = [
    IdentityRow(
      "ids by which mirrors count it", .removed, ["/var/lib/yum/uuid", "/var/lib/zypp/AnonymousUniqueId"],
      then: "made by yum and zypper"),
    IdentityRow(
      "registration with Red Hat", .removed,
      [
        "/etc/pki/consumer/*.pem", "/etc/pki/entitlement/*.pem", "/etc/sysconfig/rhn/systemid",
        "/etc/insights-client/machine-id", "/etc/insights-client/.registered",
      ], then: "register the copy: `subscription-manager register`"),
    IdentityRow(
      "registration with SUSE", .removed,
      ["/etc/zypp/credentials.d/SCCcredentials", "/etc/zypp/credentials.d/NCCcredentials"],
      then: "register the copy: `SUSEConnect`"),
    IdentityRow(
      "token of Ubuntu Pro, registration with Landscape", .removed,
      [
        "/var/lib/ubuntu-advantage/machine-token.json", "/var/lib/ubuntu-advantage/private/machine-*",
        "/etc/apt/auth.conf.d/90ubuntu-advantage", "/var/lib/landscape/client/broker.bpickle*",
      ], then: "register the copy: `pro attach`, `landscape-config`"),
    IdentityRow(
      "name and keys of the Salt minion", .removed,
      ["/etc/salt/minion_id", "/etc/salt/pki/minion/minion.pem", "/etc/salt/pki/minion/minion.pub"],
      then: "made by the minion; accept its key: `salt-key`"),
  ]

  private static let kept = [
    IdentityRow(
      "memberships, and keys that others know it by", .told,
      [
        "/etc/krb5.keytab", "/var/lib/samba/private/secrets.tdb", "/etc/ipa/default.conf", "/etc/chef/client.pem",
        "/etc/puppetlabs/puppet/ssl/private_keys/*.pem", "/var/lib/puppet/ssl/private_keys/*.pem",
        "/etc/wireguard/*.conf", "/var/lib/tailscale/tailscaled.state", "/var/lib/zerotier-one/identity.secret",
        "/var/lib/kubelet/pki/*.pem", "/etc/dropbear/*_host_key", "/etc/ssl/private/ssl-cert-snakeoil.key",
        "/etc/hostid", "/etc/popularity-contest.conf", "/etc/zypp/credentials.d/*",
      ], then: "join the copy anew, or take them from it"),
    IdentityRow(
      "configuration that names its network interfaces by address", .told,
      CopiedIdentity.configurations.map { GuestPattern(stringLiteral: "\($0)/*") } + ["/etc/iftab", "/etc/mactab"],
      then: "change it where it is the original's address", .addresses),
  ]

  private static let chosen = [
    IdentityRow(
      "journal and rotated logs", .removed,
      [
        "/var/log/journal/**/*", "/var/log/**/*.gz", "/var/log/**/*.xz", "/var/log/**/*.zst", "/var/log/**/*.bz2",
        "/var/log/**/*.old", "/var/log/**/*.1", "/var/log/**/*-20*",
      ], then: "", choice: .logs),
    IdentityRow("logs", .emptied, ["/var/log/**/*"], then: "", choice: .logs),
    IdentityRow(
      "records of logins", .emptied, ["/var/log/wtmp*", "/var/log/btmp*", "/var/log/lastlog"], then: "", choice: .logins
    ),
    IdentityRow(
      "databases of logins", .removed, ["/var/lib/wtmpdb/wtmp.db", "/var/lib/lastlog/lastlog2.db"],
      then: "made at the next login", choice: .logins),
    IdentityRow(
      "histories of shells and programs", .removed,
      ["/root", "/home/*"].flatMap { home in
        [".*_history", ".lesshst", ".viminfo", ".wget-hsts"].map { GuestPattern(stringLiteral: "\(home)/\($0)") }
      }, then: "", choice: .history),
    IdentityRow("mail", .emptied, ["/var/mail/*", "/var/spool/mail/*"], then: "", choice: .mail),
    IdentityRow(
      "caches of packages", .removed,
      [
        "/var/cache/apt/**/*", "/var/lib/apt/lists/**/*", "/var/cache/dnf/**/*", "/var/cache/libdnf5/**/*",
        "/var/cache/yum/**/*", "/var/cache/zypp/**/*", "/var/cache/apk/*", "/var/cache/pacman/pkg/*",
      ], then: "fetched when they are needed", choice: .caches),
    IdentityRow("temporary files", .removed, ["/tmp/**/*", "/var/tmp/**/*"], then: "", choice: .tmp),
    IdentityRow(
      "crash dumps", .removed,
      ["/var/crash/**/*", "/var/lib/systemd/coredump/*", "/var/spool/abrt/**/*", "/var/lib/apport/coredump/*"],
      then: "", choice: .crashes),
  ]
}

extension IdentityTable {
  /// As a plan tells it: what a copy gets anew, and what it is only told of.
  package static func words(cleaning choices: [Cleaning] = []) -> [String] {
    func names(_ treatments: Set<IdentityRow.Treatment>) -> String {
      Words.list(rows.filter { $0.choice == nil && treatments.contains($0.treatment) }.map(\.name))
    }
    let cleaned = choices.isEmpty ? [] : ["clean it of: \(Words.list(choices.map(\.rawValue)))"]
    return ["take from it, as far as it has them: \(names([.emptied, .removed]))"] + cleaned
      + ["tell of, and leave: \(names([.told]))"]
  }

  /// What of this does not reach a copy that is told by a seed who it is.
  package static let seedNote =
    "its files can't be edited: at its first boot the copy takes away what it shares with its original, but for "
    + Words.list(rows.filter { !$0.isReachedBySeed && $0.choice == nil }.map(\.name))
    + ", and what clean names"

  /// As a table in Markdown.
  package static func markdown() -> String {
    let lines = rows.map { row in
      let paths = row.places.map { "`\($0)`" }.joined(separator: ", ")
      let choice = row.choice.map { "`clean = [\"\($0.rawValue)\"]`" } ?? "always"
      return "| \(row.name) | \(row.treatment.rawValue) | \(choice) | \(row.then) | \(paths) |\n"
    }
    return "| what | in a copy it is | when | then | where |\n|---|---|---|---|---|\n" + lines.joined()
  }
}
