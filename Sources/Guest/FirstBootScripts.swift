// SPDX-License-Identifier: Apache-2.0
package import Report

/// The scripts of a site that a new guest runs once, and what in the guest runs them.
package enum FirstBootScripts {
  package static let folder: ByteString = "/var/lib/guestsmith/first-boot"
  /// As many as two digits count.
  package static let most = 99

  static let runnerPath: ByteString = "\(folder)/run"
  static let unitName: ByteString = "guestsmith-first-boot.service"
  static let unitPath: ByteString = "/etc/systemd/system/\(unitName)"
  static let localPath: ByteString = "/etc/local.d/guestsmith-first-boot.start"

  /// Where the script at a place in the list is in the guest.
  package static func path(of name: ByteString, at index: Int) -> ByteString {
    let number = "\(index + 1)"
    return "\(folder)/\(index < 9 ? "0" : "")\(number)-\(name)"
  }

  /// A script that has succeeded is not run again, whatever comes after it.
  static let runner = """
    #!/bin/sh
    # Written by guestsmith: runs the scripts beside it in order, each until it has succeeded once.
    folder=/var/lib/guestsmith/first-boot
    for script in "$folder"/[0-9][0-9]-*; do
      name=${script##*/}
      if [ ! -f "$script" ] || [ -e "$folder/done-$name" ]; then continue; fi
      echo "guestsmith: first boot: $name"
      "$script" </dev/null
      status=$?
      if [ "$status" -ne 0 ]; then
        echo "guestsmith: first boot: $name failed with exit status $status; what follows it is not run" >&2
        exit "$status"
      fi
      : >"$folder/done-$name"
    done
    : >"$folder/done"
    echo "guestsmith: first boot: done"

    """

  static let unit = """
    # Written by guestsmith: each new guest runs the scripts of its site once.
    [Unit]
    Description=Run the first-boot scripts of the site
    ConditionPathExists=!\(folder)/done
    Wants=network-online.target
    After=network-online.target

    [Service]
    Type=oneshot
    RemainAfterExit=yes
    ExecStart=/bin/sh \(runnerPath)
    StandardOutput=journal+console
    TimeoutStartSec=infinity

    [Install]
    WantedBy=multi-user.target

    """

  /// OpenRC starts it last of all.
  static let local = """
    #!/bin/sh
    # Written by guestsmith: each new guest runs the scripts of its site once.
    [ -e \(folder)/done ] || /bin/sh \(runnerPath) >/dev/console 2>&1

    """

  /// Removes what an image has of the guest that it was made of: scripts, and that they have run.
  package static func clear(from guest: some GuestFiles) throws(Failure) {
    for path: ByteString in ["/var/lib/guestsmith", folder] where try guest.kind(path) == .symbolicLink {
      try guest.remove(path)
    }
    for name in try guest.list(folder) where try guest.kind("\(folder)/\(name)") != .directory {
      try guest.remove("\(folder)/\(name)")
    }
  }

  /// Has the guest run the scripts in the folder when it boots.
  ///
  /// - Throws: `.guest` where nothing in it would.
  package static func enable(in guest: some GuestFiles) throws(Failure) {
    try guest.place(runnerPath, runner, mode: 0o700)
    try guest.setOwnerAndMode(folder, uid: 0, gid: 0, mode: 0o700)
    if try guest.hasSystemd() {
      try guest.place(unitPath, unit)
      try guest.link("/etc/systemd/system/multi-user.target.wants/\(unitName)", to: unitPath)
    } else if try guest.kind("/etc/init.d/local") != nil {
      try guest.place(localPath, local, mode: 0o755)
      try guest.link("/etc/runlevels/default/local", to: "/etc/init.d/local")
    } else {
      throw Failure(
        .guest, "first_boot is set, and the guest has nothing that would run it: neither systemd nor OpenRC",
        remedy: "set first_boot to an empty list in the variant of this image")
    }
  }
}
