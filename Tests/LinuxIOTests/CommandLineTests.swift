// SPDX-License-Identifier: Apache-2.0
import Glibc
import Report
import TestSupport
import Testing

@testable import LinuxIO

@Suite("The line that a command can be repeated by") struct CommandLineTests {
  @Test("it does what the command does: words, environment, folder, mask and open files")
  func pasted() throws {
    try withScratch { folder in
      let inner = try folder.folder("it is here")
      let input = try Descriptor(folder.write("from the input\n", to: "in\u{1B}put"), O_RDONLY)
      let extra = try Descriptor(folder.write("from the extra\n", to: "ex tra"), O_RDWR)
      var command = Command(
        "sh", ["-c", #"pwd; umask; cat; cat <&7; printf '%s|' "$0" "$A" "$@""#, "o'ne", "t\nwo", ""])
      command.environment = ["A": "b c", "PATH": "/usr/bin:/bin"]
      command.workingDirectory = inner
      command.creationMask = 0o077
      command.input = .descriptor(input.view)
      command.extras = [(7, extra.view)]
      let (_, output) = try command.capture(limit: 1 << 16)
      let pasted = try bash(command.line)
      // The command has read to the end of the file that both share.
      #expect(pasted.output == "\(inner)\n0077\nfrom the input\nfrom the extra\no'ne|b c|t\nwo||")
      #expect(String(decoding: output, as: UTF8.self) == pasted.output)
      #expect(!command.line.utf8.contains(0x1B) && !command.line.contains("\n"))
    }
  }

  @Test("it has neither the values of parameters nor a login")
  func secrets() {
    var command = Command(
      "get", ["http://me:word1@mirror.example/debian", "a http://word2@b/ c https://x:word3@y:80", "http://host/@word"])
    command.environment = ["OSP_ROOT_PASSWORD_HASH": "word4", "http_proxy": "http://u:word5@proxy:3128", "LC_ALL": "C"]
    let line = command.line
    for number in 1...5 { #expect(!line.contains("word\(number)"), "\(line)") }
    #expect(line.contains("'OSP_ROOT_PASSWORD_HASH=(hidden)'"))
    #expect(line.contains("'http://(hidden)@mirror.example/debian'"))
    #expect(line.contains("LC_ALL=C") && line.contains("http://host/@word"))
  }

  @Test("what a line cannot say stands in a comment")
  func comments() throws {
    let pipe = try Pipe()
    var command = Command("cat", [])
    command.input = .descriptor(pipe.reader.view)
    #expect(command.line.hasPrefix("cat  # descriptor 0 is pipe:["), "\(command.line)")
  }
}
