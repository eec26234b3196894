// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension EndToEnd {
  @Suite("The machine's apt", .enabled(if: isRoot, "needs root"))
  struct Apt {
    /// The archive of Debian that this machine uses: its URI, and the name of its suite such as `oldstable`.
    private func archive() throws -> (uri: String, suite: String) {
      let line = try shell(
        """
        apt-get indextargets --format '$(REPO_URI) $(SUITE) $(CODENAME)' 'Created-By: Packages' 'Component: main' \
          | while read -r uri suite codename; do case $codename in *-*) ;; *) echo "$uri $suite"; break;; esac; done
        """)
      let words = line.split(separator: " ").map { String($0) }
      guard words.count == 2 else { throw Failure(.tool, "apt on this machine has no lists: run apt-get update") }
      return (words[0], words[1])
    }

    /// `/etc/apt` of a machine that is harder: https by an authority of the site, a login, a suite by its alias, a key within
    /// the entry, and pins.
    private func machine(_ scratch: Scratch, _ server: TestServer, _ authority: TestAuthority, suite: String) throws {
      let key = try shell(
        """
        gpg --no-default-keyring --keyring /usr/share/keyrings/debian-archive-keyring.gpg --export --armor 2>/dev/null \
          | sed 's/^$/./; s/^/ /'
        """)
      try shell(
        "cp -a /etc/apt '\(scratch("apt"))'; cd '\(scratch("apt"))'; rm -rf sources.list sources.list.d/* auth.conf*")
      try scratch.write(
        "Types: deb\nURIs: https://127.0.0.1:\(server.port)/\nSuites: \(suite)\nComponents: main\nSigned-By:\n\(key)\n",
        to: "apt/sources.list.d/site.sources")
      try scratch.write(
        "Acquire::https::CAInfo \"\(authority.certificate)\";\n", to: "apt/apt.conf.d/site", mode: 0o644)
      try scratch.write("machine 127.0.0.1 login joe password s3cret\n", to: "apt/auth.conf.d/site.conf", mode: 0o600)
      try scratch.write("Package: nano\nPin: release *\nPin-Priority: -1\n", to: "apt/preferences.d/site")
    }

    @Test("What apt accepts here makes a guest, as the site has it, whose own apt works, and which has no login")
    func whatAptAcceptsMakesAGuest() throws {
      try withScratch { scratch in
        let (uri, suite) = try archive()
        try shell("chmod 755 '\(scratch.path)'")
        let authority = try TestAuthority(in: scratch)
        let server = try TestServer(of: uri, in: scratch, login: "joe:s3cret", tls: authority)
        try machine(scratch, server, authority, suite: suite)
        let hook = try scratch.write(
          "#!/bin/sh\nchroot \"$1\" dpkg-query -W openssh-server >\"$1/etc/site\"\n", to: "site-hook", mode: 0o755)
        try scratch.write(
          """
          cache = "\(scratch("cache"))"
          kernel = "none"
          packages = ["chrony"]
          debconf = ["tzdata tzdata/Areas select Europe", "tzdata tzdata/Zones/Europe select Zurich",
            "site site/login password s3cret", "site site/word string kept"]
          build_hook = "\(hook)"
          """, to: "guestsmith.toml")
        let inside = "unshare --mount bash -c 'mount --bind \"$1\" /etc/apt && shift && \"$@\"' - '\(scratch("apt"))'"

        let built = try bash("\(inside) '\(program)' image build --config '\(scratch.path)'")
        try succeeded(built)
        #expect(built.errors.contains("the guest's apt has no login for 127.0.0.1"), "\(built)")
        let image = built.output.split(separator: "\n").last.map { String($0) } ?? ""
        #expect(try problems(of: image) == nil)
        #expect(try guestFile("/etc/site", on: image)?.hasPrefix("openssh-server\t") == true)
        #expect(try guestFile("/etc/timezone", on: image) == "Europe/Zurich\n")
        #expect(try guestFile("/etc/chrony/chrony.conf", on: image) != nil)
        #expect(try guestFile("/lib/systemd/systemd-timesyncd", on: image) == nil, "chrony is in its place")
        #expect(try shell("cat '\(scratch("cache"))'/images/*/manifest.json").contains(hook))
        let tree = try scratch.folder("tree")
        try shell("mount -o loop '\(image)' '\(tree)'")
        defer { _ = try? shell("umount '\(tree)'") }
        #expect(try bash("grep -rl s3cret '\(tree)/etc' '\(tree)/var'").output == "")
        #expect(try shell("cat '\(tree)/var/cache/debconf/config.dat'").contains("Value: kept"))
        #expect(try shell("systemctl --root='\(tree)' is-enabled chrony") == "enabled")
        #expect(try bash("cat '\(tree)'/etc/apt/preferences.d/*").output.contains("Package: nano"))
        // The same login, as the guest's administrator would give it.
        try shell("echo 'machine 127.0.0.1 login joe password s3cret' > '\(tree)/etc/apt/auth.conf'")
        // The image has no room for lists: it grows with the disk that it is copied to.
        let script = """
          cd "$1" && mount --bind /dev dev && mount -t tmpfs none var/lib/apt/lists && mount -t tmpfs none var/cache/apt \
            && mkdir -p var/cache/apt/archives/partial && chroot . apt-get update --error-on=any
          """
        let update = try bash("unshare --mount bash -c '\(script)' - '\(tree)'")
        #expect(update.status == 0, "\(update)")
        #expect(update.output.contains(" \(suite)/main "), "\(update)")
      }
    }

    @Test("Without the right to mount nothing is fetched") func withoutTheRightToMountNothingIsFetched() throws {
      try withScratch { scratch in
        try scratch.write("cache = \"\(scratch("cache"))\"\n", to: "guestsmith.toml")
        let outcome = try bash(
          "capsh --drop=cap_sys_admin -- -c '\(program) image build --config \(scratch.path)'")
        #expect(outcome.status == Failure.Code.tool.rawValue, "\(outcome)")
        #expect(outcome.errors.contains("CAP_SYS_ADMIN"), "\(outcome)")
        #expect(!outcome.errors.contains("packages of"), "\(outcome)")
      }
    }
  }
}
