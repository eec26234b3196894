// SPDX-License-Identifier: Apache-2.0
internal import Report

/// What cloud-init runs early at each boot of a guest with a seed of ours (a boothook in its vendor data). Once for each seed, however
/// often the name in it changes, it takes from a copy what it shares with its original and brings what the site adds; after that it has
/// templates follow the name. Its shell is that of POSIX, with the programs that a small system has.
enum SeedScript {
  private static let folder = "/var/lib/guestsmith"
  /// For which name the templates were filled in.
  static let namePath: ByteString = "\(folder)/name"

  /// - Parameter id: of the seed, in which no other is like it.
  static func text(id: String, name: GuestName, site: SeedSite?) -> String {
    var text = "#!/bin/sh\n\(start)id=\(id)\n\n\(once)\nrenew() {\n\(renewing)}\n\nonce renewed renew\n"
    if let site {
      text += "\n\(files)\nbring() {\n\(site.commands(for: name))}\n\nonce site bring\n"
    }
    return text + "\n\(following)"
  }

  /// What begins the scripts of the site, and waits for them: one that fails is a fault for cloud-init too.
  static let scripts = """
    #!/bin/sh
    # Written by guestsmith: runs the first-boot scripts of the site.
    if [ -e \(FirstBootScripts.folder)/done ]; then exit 0; fi
    if [ -d /run/systemd/system ]; then exec systemctl start \(FirstBootScripts.unitName); fi
    if [ -e \(FirstBootScripts.localPath) ]; then exec /bin/sh \(FirstBootScripts.localPath); fi
    exec /bin/sh \(FirstBootScripts.runnerPath)

    """

  private static let start = """
    # Written by guestsmith: has a copy be a machine of its own and brings what its site adds, once; templates follow its name.
    umask 022
    state=\(folder)
    [ -d "$state" ] || mkdir -p "$state" || exit 1

    tell() {
      echo "guestsmith: $*" >&2
      { echo "guestsmith: $*" >/dev/console; } 2>/dev/null
    }
    fail() {
      tell "$*: what the site adds is not complete, and the next boot tries again"
      exit 1
    }
    label() {
      if command -v restorecon >/dev/null; then restorecon "$1"; fi
    }

    """

  private static let once = """
    once() {
      [ "$(cat "$state/$1" 2>/dev/null)" != "$id" ] || return 0
      "$2"
      echo "$id" >"$state/$1"
    }

    """

  /// cloud-init makes ssh host keys by itself. A machine-id that this boot has made is new already.
  private static var renewing: String {
    var text = """
      if [ -e /etc/machine-id ] && command -v systemd-machine-id-setup >/dev/null \\
        && [ "$(stat -c %Y /etc/machine-id)" -lt "$(sed -n 's/^btime //p' /proc/stat)" ]; then
        rm -f /etc/machine-id
        [ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
        systemd-machine-id-setup
        [ ! -d /var/lib/dbus ] || [ -e /var/lib/dbus/machine-id ] || ln -s /etc/machine-id /var/lib/dbus/machine-id
        label /etc/machine-id
      fi

      """
    let rows = IdentityTable.rows.filter(\.isReachedBySeed)
    for row in rows where row.care == .none || row.care == .quiet {
      for place in row.places.map(\.description) {
        let ending = "/**/*"
        text +=
          place.hasSuffix(ending)
          ? "[ ! -d \(place.dropLast(ending.count)) ] || find \(place.dropLast(ending.count)) -type f -exec rm -f {} +\n"
          : "rm -f \(place)\n"
      }
    }
    for place in rows.filter({ $0.care == .udevNames }).flatMap(\.places) {
      text += "if grep -q 'automatically generated' \(place) 2>/dev/null; then rm -f \(place); fi\n"
    }
    return text
  }

  /// Each puts one thing in its place, whole or not at all.
  private static let files = """
    folder() {
      [ ! -d "$1" ] || return 0
      if [ -e "$1" ] || [ -L "$1" ]; then tell "$1 was not a folder in the guest: the folder of files took its place"; fi
      rm -f "$1" && mkdir -p "$1" && chown "$3" "$1" && chmod "$2" "$1" || fail "cannot make the folder $1"
      label "$1"
    }
    free() {
      if [ -L "$1" ]; then rm -f "$1"; fi
      [ ! -d "$1" ] || fail "$1 is a folder in the guest, and files has a file of that name"
    }
    file() {
      free "$1"
      rm -f "$1.guestsmith-new"
      (umask 077 && base64 -d >"$1.guestsmith-new") && chown "$3" "$1.guestsmith-new" && chmod "$2" "$1.guestsmith-new" \\
        || fail "cannot write $1"
      touch -d "@$4" "$1.guestsmith-new" 2>/dev/null
      mv -f "$1.guestsmith-new" "$1" || fail "cannot write $1"
      label "$1"
    }
    link() {
      free "$1"
      rm -f "$1" && ln -s -- "$2" "$1" && chown -h "$3" "$1" || fail "cannot make the link $1"
    }
    name() {
      free "$1"
      ln -f "$2" "$1" || fail "cannot make $1 another name of $2"
    }

    """

  /// As `TemplateRecord.rename` does it in a guest whose files can be edited, of files without places.
  private static let following = """
    is_name() {
      case $1 in '' | *[!A-Za-z0-9.-]*) return 1 ;; esac
    }
    digest() {
      set -- $(sha256sum <"$1")
      echo "$1"
    }
    # In full or in short, as a word: marks stand for both until all are found.
    renamed() {
      mark=$(printf '\\001') other=$(printf '\\002') before='(^|[^[:alnum:]._-])' after='(\\.?)($|[^[:alnum:]._-])'
      sed -E -e :a -e "s/$before$(echo "$old" | sed 's/\\./\\\\./g')$after/\\1$mark\\2\\3/" -e ta \\
        -e :b -e "s/$before${old%%.*}$after/\\1$other\\2\\3/" -e tb -e "s/$mark/$new/g" -e "s/$other/${new%%.*}/g"
    }
    follow() {
      [ -f "$state/templates" ] && [ -f "$state/name" ] || return 0
      old=$(cat "$state/name")
      new=$(sed -n 's/^ *"local-hostname": "\\([^"]*\\)".*/\\1/p' /run/cloud-init/instance-data.json | head -n 1)
      is_name "$old" && is_name "$new" && [ "$old" != "$new" ] || return 0
      while read -r sum path; do
        if [ -f "$path" ] && [ ! -L "$path" ] && cp -p "$path" "$path.guestsmith-new"; then
          renamed <"$path" >"$path.guestsmith-new"
          made=$(digest "$path.guestsmith-new")
          if [ "$made" = "$sum" ] || [ "$(digest "$path")" = "$sum" ]; then sum=$made; else rm -f "$path.guestsmith-new"; fi
        fi
        echo "$sum  $path"
      done <"$state/templates" >"$state/templates.new"
      chmod 600 "$state/templates.new" && mv -f "$state/templates.new" "$state/templates" || return 1
      while read -r sum path; do
        [ ! -f "$path.guestsmith-new" ] || mv -f "$path.guestsmith-new" "$path"
        label "$path"
      done <"$state/templates"
      echo "$new" >"$state/name"
    }
    follow

    """
}
