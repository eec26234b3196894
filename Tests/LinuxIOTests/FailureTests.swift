// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@Suite("Failures of the system")
struct SystemFailureTests {
  @Test("What cannot be opened, listed, made or run keeps the errno")
  func errorNumber() throws {
    try withScratch { scratch in
      func number(_ body: () throws(Failure) -> Void) -> Int32? {
        do throws(Failure) { try body() } catch { return error.errorNumber }
        return nil
      }
      let folder = try Folder(scratch.path)
      try scratch.write("1", to: "file")
      #expect(number { () throws(Failure) in _ = try Descriptor(scratch("missing"), O_RDONLY) } == ENOENT)
      #expect(number { () throws(Failure) in _ = try Folder(scratch("file")) } == ENOTDIR)
      #expect(number { () throws(Failure) in _ = try folder.makeFile("file") } == EEXIST)
      #expect(number { () throws(Failure) in _ = try folder.makeFolder("file") } == EEXIST)
      #expect(number { () throws(Failure) in _ = try Command("no-such-program", []).run() } == ENOENT)
      #expect(number { () throws(Failure) in _ = try folder.makeFile("new") } == nil)
    }
  }

  @Test("Of a tool that is missing the package is named; of one that cannot be executed it is not")
  func needing() throws {
    try withScratch { scratch in
      let broken = try scratch.write("#!/no/such/interpreter\n", to: "broken", mode: 0o755)
      for (program, remedy) in [("no-such-program", true), (broken, false)] {
        let failure = #expect(throws: Failure.self) {
          try Command.needing("some-package") { () throws(Failure) in try Command(program, []).run() }
        }
        #expect((failure?.remedy == "install the Debian package some-package") == remedy)
      }
    }
  }
}
