// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import Testing

@testable import Images

@Suite struct BootstrapLogTests {
  @Test("a package may announce more than there are numbers") func packageMayAnnounce() {
    var log = BootstrapLog(program: "mmdebstrap", progress: StepProgress())
    for _ in 0..<3 { log.read("0 upgraded, \(UInt64.max) newly installed, 0 to remove and 0 not upgraded.") }
    #expect(log.failure(.exited(1), mirrors: []).message.contains("newly installed"))
  }
}
