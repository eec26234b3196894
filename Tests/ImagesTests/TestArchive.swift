// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport

@testable import Images

/// An archive of packages that are only described: apt's lists need no more.
struct TestArchive {
  let folder: String
  private let scratch: TestSupport.Scratch
  private let name: String

  init(in scratch: TestSupport.Scratch, _ name: String = "archive") throws {
    self.scratch = scratch
    self.name = name
    folder = try scratch.folder(name)
  }

  /// Adds a suite that is signed by `key`, or by nobody.
  func add(
    _ path: String, suite: String = "stable", codename: String = "bookworm", packages: [String] = ["base"],
    key: TestKey? = nil
  ) throws {
    let lists = packages.map { name in
      """
      Package: \(name)
      Version: 1.0
      Architecture: all
      Essential: \(name == "base" ? "yes" : "no")
      Maintainer: a test <test@example.com>
      Installed-Size: 1024
      Filename: pool/\(name)_1.0_all.deb
      Size: 1000
      SHA256: \(String(repeating: "0", count: 64))
      Description: a test


      """
    }.joined()
    let isFlat = path.hasSuffix("/")
    let place = isFlat ? "\(name)/\(path)" : "\(name)/dists/\(path)/"
    let list = isFlat ? "Packages" : "main/binary-\(Release.architecture)/Packages"
    let file = try scratch.write(lists, to: place + list)
    let digest = try shell("sha256sum '\(file)'").prefix(64)
    try scratch.write(
      """
      Origin: Test
      Suite: \(suite)
      Codename: \(codename)
      Components: main
      Architectures: \(Release.architecture)
      Date: \(try shell("LC_ALL=C date -Ru"))
      SHA256:
       \(digest) \(lists.utf8.count) \(list)

      """, to: place + "Release")
    try key?.sign(scratch(place + "Release"), as: scratch(place + "InRelease"))
  }

  /// Serves it until it is dropped.
  func serve(login: String? = nil, tls: TestAuthority? = nil) throws -> TestServer {
    try TestServer(folder, in: scratch, login: login, tls: tls)
  }
}

/// A key that signs archives.
struct TestKey {
  private let home: String
  /// The public key, as text and as the file of a keyring.
  let armored: String
  let file: String
  let fingerprint: String

  init(in scratch: TestSupport.Scratch, _ name: String) throws {
    // gpg-agent's socket does not fit in a long path.
    home = try shell("mktemp -d /tmp/guestsmith-gpg-XXXXXX")
    let gpg = "gpg --homedir '\(home)' --batch --quiet --no-tty"
    try shell("\(gpg) --passphrase '' --quick-generate-key '\(name) <\(name)@example.com>' ed25519 sign never 2>&1")
    armored = try shell("\(gpg) --armor --export")
    file = try scratch.write("", to: "\(name).gpg")
    try shell("\(gpg) --export > '\(file)'")
    fingerprint = try shell("\(gpg) --with-colons --list-keys | awk -F: '/^fpr/ { print $10; exit }'")
  }

  func sign(_ file: String, as signed: String) throws {
    try shell("gpg --homedir '\(home)' --batch --quiet --yes --clear-sign --output '\(signed)' '\(file)' 2>&1")
  }

  /// The key as `Signed-By` holds it.
  var field: String {
    "\n"
      + armored.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? " ." : " \($0)" }
      .joined(separator: "\n")
  }

  func remove() {
    _ = try? shell("gpgconf --homedir '\(home)' --kill all; rm -rf '\(home)'")
  }
}

/// An authority of the site's own, with a certificate for 127.0.0.1.
struct TestAuthority {
  let certificate: String
  let server: String
  let key: String

  init(in scratch: TestSupport.Scratch) throws {
    let folder = try scratch.folder("tls")
    (certificate, server, key) = ("\(folder)/site-ca.crt", "\(folder)/server.crt", "\(folder)/server.key")
    try shell(
      """
      cd '\(folder)'; exec 2>&1; new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
      $new -x509 -days 2 -subj '/CN=The site' -keyout ca.key -out site-ca.crt
      $new -subj '/CN=127.0.0.1' -keyout server.key -out server.csr
      echo subjectAltName=IP:127.0.0.1 > names
      openssl x509 -req -days 2 -in server.csr -CA site-ca.crt -CAkey ca.key -CAcreateserial -extfile names -out server.crt
      """)
  }
}

/// An HTTP server on 127.0.0.1 for one folder, which also does as a proxy for every host.
final class TestServer {
  let port: Int
  private let child: Child
  private let log: String

  init(_ folder: String, in scratch: TestSupport.Scratch, login: String?, tls: TestAuthority?) throws {
    let name = "server-\(UInt32.random(in: 0 ... .max))"
    log = scratch(name)
    var command = Command(
      "python3",
      [
        "-c", Self.script, folder, log, login ?? "", tls?.server ?? "", tls?.key ?? "",
      ])
    command.error = .null
    command.output = .null
    child = try command.start()
    let file = log
    let isUp = try eventually(seconds: 30) { try bash("test -s '\(file)'").status == 0 }
    guard isUp, let port = Int(try scratch.read(name).split(separator: "\n")[0]) else {
      throw Failure(.tool, "the server did not start")
    }
    self.port = port
  }

  /// The requests that it was sent.
  func requests() throws -> [String] {
    String(decoding: try TestSupport.readFile(log), as: UTF8.self).split(separator: "\n").dropFirst().map { String($0) }
  }

  private static let script = """
    import base64, functools, http.server, ssl, sys
    folder, log, login, certificate, key = sys.argv[1:]
    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            with open(log, 'a') as file: print(self.path, file=file)
            if self.path.startswith('http://'): self.path = '/' + self.path.split('/', 3)[3]
            sent = self.headers.get('Authorization', '')
            if login and sent != 'Basic ' + base64.b64encode(login.encode()).decode():
                self.send_response(401); self.send_header('Content-Length', '0'); self.end_headers()
            else: super().do_GET()
        def log_message(self, *words): pass
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Handler, directory=folder))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(log, 'w') as file: print(server.server_port, file=file)
    server.serve_forever()
    """
}

/// The configuration of a machine whose `/etc/apt` is in a test's folder.
func aptOfTest(_ scratch: TestSupport.Scratch, _ more: String = "") throws -> AptConfiguration {
  for folder in [
    "etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "var/lib/apt/lists/partial",
    "var/cache/apt/archives/partial",
  ] {
    try scratch.folder("machine/\(folder)")
  }
  let text = """
    Dir "\(scratch("machine"))";
    Dir::State::status "/dev/null";
    APT::Sandbox::User "root";
    Acquire::Languages "none";

    """
  return try .ofThisMachine(["APT_CONFIG": scratch.write(text + more, to: "machine/apt.conf")])
}
