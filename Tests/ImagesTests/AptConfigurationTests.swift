// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Images

@Suite struct AptConfigurationTests {
  @Test("a dump is read with its quotes") func aDumpIsReadWithItsQuotes() {
    let dump = """
      APT "";
      Acquire::http::Proxy::mirror.example "DIRECT";
      DPkg::Post-Invoke:: "rm -f "$x" || true";
      W: a warning
      """
    #expect(
      AptConfiguration.parse(dump) == [
        .init(name: "APT", value: ""), .init(name: "Acquire::http::Proxy::mirror.example", value: "DIRECT"),
        .init(name: "DPkg::Post-Invoke::", value: "rm -f \"$x\" || true"),
      ])
  }

  @Test("paths are those that apt itself finds") func pathsAreThoseThatAptItselfFinds() throws {
    try withScratch { scratch in
      let file = try scratch.write(
        """
        Dir "\(scratch("machine"))/";
        Dir::Etc "config";
        Dir::Etc::sourcelist "/elsewhere/a.list";
        Dir::Etc::netrc "/dev/null";
        Dir::State "";
        Dir::State::lists "lists/";

        """, to: "apt.conf")
      let apt = try AptConfiguration.ofThisMachine(["APT_CONFIG": file])
      for name in ["sourcelist", "sourceparts", "preferences", "preferencesparts", "trusted", "trustedparts"] {
        let words = try bash("apt-config shell P Dir::Etc::\(name)/f; ", environment: ["APT_CONFIG": file]).output
        // apt 3 has no single file of trusted keys any more.
        let path = apt.path("Dir::Etc::\(name)")
        #expect(path.map { words.contains("P='\($0)'") } ?? words.isEmpty, "\(name): \(words)")
      }
      #expect(apt.path("Dir::Etc::sourcelist") == "/elsewhere/a.list")
      #expect(apt.path("Dir::Etc::preferences") == scratch("machine/config/preferences"))
      #expect(apt.path("Dir::State::lists") == scratch("machine/lists"))
      #expect(apt.path("Dir::Etc::netrc") == nil)
    }
  }

  @Test("a bootstrap is told the ways and the logins and no hooks") func bootstrapToldWays() throws {
    try withScratch { scratch in
      let apt = try aptOfTest(
        scratch,
        """
        Acquire { http { Proxy "http://joe:secret@proxy.example:3128"; Proxy::mirror.example "DIRECT"; }; };
        Acquire::https::CAInfo "/etc/site/ca.crt";
        Acquire::Languages { "de"; };
        APT::Update::Post-Invoke { "touch /tmp/x"; };
        DPkg::Post-Invoke { "touch /tmp/x"; };
        APT::Default-Release "stable";

        """)
      let text = apt.forBootstrap(preferences: "/scratch/preferences")
      for line in [
        "Acquire::http::Proxy \"http://joe:secret@proxy.example:3128\";",
        "Acquire::http::Proxy::mirror.example \"DIRECT\";", "Acquire::https::CAInfo \"/etc/site/ca.crt\";",
        "APT::Sandbox::User \"root\";", "Dir::Etc::netrc \"\(scratch("machine/etc/apt/auth.conf"))\";",
        "Dir::Etc::netrcparts \"\(scratch("machine/etc/apt/auth.conf.d"))/\";",
        "Dir::Etc::trustedparts \"\(scratch("machine/etc/apt/trusted.gpg.d"))/\";",
        "Dir::Etc::preferences \"/scratch/preferences\";",
      ] {
        #expect(text.contains(line), "\(line) in \(text)")
      }
      for word in ["Post-Invoke", "Languages", "Default-Release", "IndexTargets"] { #expect(!text.contains(word)) }
      #expect(apt.hasCredentials)
      #expect(try !aptOfTest(scratch).hasCredentials)
    }
  }

  @Test("a configuration that apt cannot read is told") func configurationAptCannot() throws {
    try withScratch { scratch in
      let file = try scratch.write("nonsense\";\n", to: "apt.conf")
      let failure = #expect(throws: Failure.self) {
        try AptConfiguration.ofThisMachine(["APT_CONFIG": file]).environment
      }
      #expect(failure?.code == .invalid)
      #expect(failure?.message.contains(file) == true, "\(failure as Any)")
    }
  }
}
