// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report

/// An authority of the site's own, with a certificate for 127.0.0.1.
package struct TestAuthority: Sendable {
  /// The files of its certificate, and of the server's with the key.
  package let certificate: String
  let server: String
  let key: String

  package init(in scratch: Scratch) throws {
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

/// An HTTP server on 127.0.0.1 for one folder, or for another server; it also does as a proxy for every host. It redirects `/to/X`
/// to `http://X`.
package final class TestServer {
  package let port: Int
  private let child: Child
  private let log: String

  /// - Parameters:
  ///   - origin: a folder, or the URI of a server, which this one asks.
  ///   - login: `name:password`, without which nothing is served.
  package init(of origin: String, in scratch: Scratch, login: String? = nil, tls: TestAuthority? = nil) throws {
    let name = "server-\(UInt32.random(in: 0 ... .max))"
    log = scratch(name)
    var command = Command(
      "python3",
      [
        "-c", Self.script, origin, log, login ?? "", tls?.server ?? "", tls?.key ?? "",
      ])
    command.error = .null
    command.output = .null
    child = try command.start()
    let file = log
    let isUp = try eventually { try bash("test -s '\(file)'").status == 0 }
    guard isUp, let port = Int(try scratch.read(name).split(separator: "\n")[0]) else {
      throw Failure(.tool, "the server did not start")
    }
    self.port = port
  }

  /// The requests that it was sent.
  package func requests() throws -> [String] {
    String(decoding: try readFile(log), as: UTF8.self).split(separator: "\n").dropFirst().map { String($0) }
  }

  private static let script = """
    import base64, functools, http.server, shutil, ssl, sys, urllib.error, urllib.request
    origin, log, login, certificate, key = sys.argv[1:]
    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            with open(log, 'a') as file: print(self.path, file=file)
            if self.path.startswith('http://'): self.path = '/' + self.path.split('/', 3)[3]
            if self.path.startswith('/to/'):
                self.send_response(302); self.send_header('Location', 'http://' + self.path[4:])
                self.send_header('Content-Length', '0'); return self.end_headers()
            sent = self.headers.get('Authorization', '')
            if login and sent != 'Basic ' + base64.b64encode(login.encode()).decode():
                self.send_response(401); self.send_header('Content-Length', '0'); self.end_headers()
            elif origin.startswith('/'): super().do_GET()
            else: self.forward()
        def forward(self):
            try: answer = urllib.request.urlopen(origin.rstrip('/') + self.path)
            except urllib.error.HTTPError as error: answer = error
            self.send_response(answer.status)
            for name in 'Content-Length', 'Last-Modified':
                if answer.headers[name]: self.send_header(name, answer.headers[name])
            self.end_headers()
            shutil.copyfileobj(answer, self.wfile)
        def log_message(self, *words): pass
    class Server(http.server.ThreadingHTTPServer):
        def shutdown_request(self, request):
            # The end of a connection is told within TLS too: apt 3 takes any other for one that was cut off.
            try: request.settimeout(5); request.unwrap()
            except (AttributeError, OSError): pass
            super().shutdown_request(request)
    server = Server(('127.0.0.1', 0), functools.partial(Handler, directory=origin))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(log, 'w') as file: print(server.server_port, file=file)
    server.serve_forever()
    """
}
