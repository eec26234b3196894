// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Standard error, as far as progress needs it.
enum StandardError {
  /// Writes all of `text`; a reader that has gone away is not a failure of the work.
  static func write(_ text: String) {
    var text = text
    text.withUTF8 { buffer in
      var written = 0
      while written < buffer.count {
        let count = Glibc.write(STDERR_FILENO, buffer.baseAddress! + written, buffer.count - written)
        if count < 0 && errno == EINTR { continue }
        if count <= 0 { return }
        written += count
      }
    }
  }

  /// The width of the terminal that standard error is; nil where it is not one, or one that cannot redraw a line.
  static func columns() -> Int? {
    guard isatty(STDERR_FILENO) == 1 else { return nil }
    if let term = getenv("TERM"), strcmp(term, "dumb") == 0 { return nil }
    var size = winsize()
    // A serial console does not know its size and says 0.
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
