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

  @Test(
    "a package that the mirror no longer has, and two time services, have remedies of their own",
    arguments: [
      (
        """
        Err:72 http://m.example/debian bullseye/main amd64 linux-image-cloud-amd64 amd64 5.10.262-1
          404  Not Found [IP: 192.0.2.1 80]
        E: Failed to fetch http://m.example/debian/pool/l.deb  404  Not Found [IP: 192.0.2.1 80]
        """, "wait until http://m.example/debian has all that its lists name; a release that has ended is at "
      ),
      (
        """
        The following packages have unmet dependencies:
         chrony : Conflicts: time-daemon
         systemd-timesyncd : Conflicts: time-daemon
        E: Unable to correct problems, you have held broken packages.
        """, "name one time service in packages"
      ),
    ])
  func remedies(log words: String, remedy: String) {
    var log = BootstrapLog(program: "apt-get", progress: StepProgress())
    log.read(words)
    let failure = log.failure(.exited(100), mirrors: ["http://m.example/debian"])
    #expect(failure.remedy?.contains(remedy) == true, "\(failure)")
  }
}
