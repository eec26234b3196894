// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport

/// A web server on 127.0.0.1 for the files of a folder, which does what its path says first: `/MODE/FILE`.
///
/// - good: the file, with an entity tag, and parts of it
/// - cut: the same, but the first answer breaks off in the middle
/// - changed: breaks off, and has another file then, under another tag
/// - misplaced: breaks off, and sends another part then than it was asked for
/// - plain: breaks off, and has no tag and no parts
/// - half: always breaks off in the middle
/// - stall: sends little, and then nothing
/// - endless: sends more and more, without saying how much
/// - refused: answers 404 with a page without an end
/// - drip: sends more and more, slowly
/// - huge: says that 1 EiB will come
/// - away: redirects to file:///etc/passwd
/// - to: redirects to good
/// - around: redirects to itself
/// - locked: wants the login user:secret
/// - busy: answers 503 once
/// - accepted: answers 202, with the file
/// - stallmute: answers nothing
/// - gone: sends the first 1000 bytes without a length and breaks off; later answers are empty
final class FaultyServer {
  let port: Int
  private let child: Child
  private let log: String

  init(of folder: String, in scratch: Scratch) throws {
    log = scratch("server-\(UInt32.random(in: 0 ... .max))")
    var command = Command("python3", ["-c", Self.script, folder, log])
    command.error = .null
    command.output = .null
    child = try command.start()
    let file = log
    let isUp = try eventually { try shell("test -s '\(file)' && echo up || true") == "up" }
    guard isUp, let port = Int(try shell("head -n 1 '\(log)'")) else {
      throw Failure(.tool, "the server did not start")
    }
    self.port = port
  }

  func url(_ path: String) -> String { "http://127.0.0.1:\(port)/\(path)" }

  /// What it was asked for: the path, and the range or `-`.
  func requests() throws -> [String] {
    String(decoding: try readFile(log), as: UTF8.self).split(separator: "\n").dropFirst().map { String($0) }
  }

  private static let script = """
    import base64, http.server, os, sys, time
    folder, log = sys.argv[1:]
    count = {}
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'
        def do_GET(self):
            asked = self.headers.get('Range', '-')
            with open(log, 'a') as file: print(self.path, asked, file=file)
            mode, name = self.path.split('?')[0][1:].split('/', 1)
            again = count[self.path] = count.get(self.path, 0) + 1
            if mode in ('away', 'to', 'around'):
                target = {'away': 'file:///etc/passwd', 'to': '/good/' + name, 'around': self.path}[mode]
                return self.answer(302, b'', {'Location': target})
            if mode == 'locked' and self.headers.get('Authorization') != 'Basic ' + base64.b64encode(b'user:secret').decode():
                return self.answer(401, b'no', {})
            if mode == 'busy' and again == 1: return self.answer(503, b'busy', {})
            if mode in ('refused', 'drip'):
                self.close_connection = True
                self.send_response(404 if mode == 'refused' else 200); self.end_headers()
                while True: self.wfile.write(bytes(4096)); time.sleep(0.2)
            try: content = open(os.path.join(folder, name), 'rb').read()
            except OSError: return self.answer(404, b'not found', {})
            tag = '"one"'
            if mode == 'changed' and again > 1: content, tag = content[::-1] + b'more', '"two"'
            headers = {} if mode in ('plain', 'half') else {'ETag': tag, 'Accept-Ranges': 'bytes'}
            if mode == 'stall':
                self.head(200, len(content), headers); self.wfile.write(content[:10]); self.wfile.flush(); time.sleep(60)
            elif mode == 'stallmute': time.sleep(60)
            elif mode == 'accepted': self.answer(202, content, headers)
            elif mode == 'gone':
                if again > 1: return self.answer(200, b'', headers)
                self.send_response(200); self.send_header('ETag', tag); self.send_header('Transfer-Encoding', 'chunked')
                self.end_headers(); self.wfile.write(b'3e8\\r\\n' + content[:1000]); self.close_connection = True
            elif mode == 'huge':
                self.head(200, 1 << 60, headers); self.wfile.write(content)
            elif mode == 'endless':
                self.close_connection = True
                self.send_response(200); self.end_headers()
                while True: self.wfile.write(bytes(65536))
            elif mode == 'half' or again == 1 and mode in ('cut', 'changed', 'plain', 'misplaced'):
                self.head(200, len(content), headers); self.wfile.write(content[:len(content) // 2])
                self.close_connection = True
            elif asked != '-' and mode != 'plain' and self.headers.get('If-Range') == tag:
                start = int(asked.split('=')[1].split('-')[0]) - (5 if mode == 'misplaced' and again == 2 else 0)
                place = {'Content-Range': f'bytes {start}-{len(content) - 1}/{len(content)}'}
                self.answer(206, content[start:], headers | place)
            else: self.answer(200, content, headers)
        def head(self, status, length, headers):
            self.send_response(status); self.send_header('Content-Length', str(length))
            for name, value in headers.items(): self.send_header(name, value)
            self.end_headers()
        def answer(self, status, content, headers):
            self.head(status, len(content), headers); self.wfile.write(content)
        def log_message(self, *words): pass
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    with open(log, 'w') as file: print(server.server_port, file=file)
    server.serve_forever()
    """
}
