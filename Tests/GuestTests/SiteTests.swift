// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Guest

@Suite("A template of the site")
struct SiteTemplateTests {
  private let name = GuestName("vm1.example.com")

  private func rendered(_ text: String, _ network: GuestNetwork = .standard) throws -> String {
    String(decoding: try SiteTemplate(Array(text.utf8), file: "motd").filled(for: name, network).bytes, as: UTF8.self)
  }

  @Test("has its words filled in, and all else stays, byte by byte")
  func words() throws {
    var network = fixedNetwork("192.0.2.7", gateway: "192.0.2.1")
    network.interfaces[0].match = .mac("aa:00:00:00:00:01")
    network.interfaces[0].addresses.append(Network.StaticAddress("2001:db8::7", prefix: 64))
    network.interfaces[0].routes += [.init(to: "2001:db8:5::/48", by: "fe80::5"), .init(by: "fe80::1")]
    #expect(try rendered("{{ instance }} {{ gateway6 }}", network) == "vm1.example.com fe80::1")
    #expect(
      try rendered("{{ name }} {{fqdn}} {{ domain}}\n{ {{ address }}/{{ prefix }} }", network)
        == "vm1 vm1.example.com example.com\n{ 192.0.2.7/24 }")
    #expect(
      try rendered("{{ address6 }}/{{ prefix6 }} {{ gateway }} {{ mac }}", network)
        == "2001:db8::7/64 192.0.2.1 aa:00:00:00:00:01")
    #expect(try rendered("{{ braces }} .Values }} }}{") == "{{ .Values }} }}{")
    let noise: [UInt8] = [0xFF, 0, 0x7B, 0x0A]
    #expect(try SiteTemplate(noise, file: "x").filled(for: name, network).bytes == noise)
  }

  @Test(
    "with what is not one of its words is refused by file, line and word",
    arguments: [
      ("a\nb {{ hostname }}\n", "motd, line 2: {{ hostname }} is not known"),
      ("{{ name name }}", "motd, line 1: {{ name name }} is not known"),
      ("{{ $(id) }}", "{{ $(id) }} is not known"), ("{{}}", "{{}} is not known"),
      ("\n\n{{ name\n}}", "motd, line 3: {{ is not followed by }}"),
    ])
  func unknown(text: String, words: String) {
    let failure = #expect(throws: Failure.self) { try SiteTemplate(Array(text.utf8), file: "motd") }
    #expect(failure?.message.contains(words) == true, "\(String(describing: failure))")
  }

  @Test("with a word of which the guest has nothing is refused for that guest")
  func lacking() throws {
    let failure = #expect(throws: Failure.self) { try rendered("\nip={{ address }}") }
    #expect(
      failure?.message
        == "motd, line 2: {{ address }} is not known of vm1.example.com: it lacks a fixed IPv4 address")
    #expect(throws: Failure.self) { try rendered("{{ mac }}") }
  }

  @Test("is known to have the guest's name in it, or not")
  func naming() throws {
    for word in ["fqdn", "domain"] { #expect(try SiteTemplate(Array("{{ \(word) }}".utf8), file: "x").isNaming) }
    #expect(try !SiteTemplate(Array("{{ address }} name".utf8), file: "x").isNaming)
  }
}

@Suite("The scripts of the first boot")
struct FirstBootScriptsTests {
  @Test("are run by a unit of systemd, or by OpenRC's local service, and are refused where there is neither")
  func enabled() throws {
    let guest = MemoryGuest(["/lib/systemd/systemd": ""])
    try FirstBootScripts.enable(in: guest)
    #expect(guest.entries[FirstBootScripts.folder]?.mode == 0o700)
    #expect(guest.entries[FirstBootScripts.runnerPath]?.mode == 0o700)
    #expect(
      guest.target("/etc/systemd/system/multi-user.target.wants/guestsmith-first-boot.service")
        == FirstBootScripts.unitPath)
    let alpine = MemoryGuest(["/etc/init.d/local": ""])
    try FirstBootScripts.enable(in: alpine)
    #expect(alpine.entries[FirstBootScripts.localPath]?.mode == 0o755)
    #expect(alpine.target("/etc/runlevels/default/local") == "/etc/init.d/local")
    #expect(throws: Failure.self) { try FirstBootScripts.enable(in: MemoryGuest()) }
  }

  @Test(
    "that an image has of the guest that it was made of go, and a link in their place leads to nothing that is removed")
  func cleared() throws {
    let guest = MemoryGuest([
      "/var/lib/guestsmith/first-boot/01-old": "", "/var/lib/guestsmith/first-boot/done": "",
    ])
    try FirstBootScripts.clear(from: guest)
    #expect(try guest.list(FirstBootScripts.folder) == [])
    let linked = MemoryGuest(["/etc/passwd": "root"], links: [FirstBootScripts.folder: "/etc"])
    try FirstBootScripts.clear(from: linked)
    #expect(linked.text("/etc/passwd") == "root")
    #expect(try linked.kind(FirstBootScripts.folder) == nil)
  }

  @Test("run in order, each until it has succeeded once; one that fails is told with its status, and stops the rest")
  func runner() throws {
    try withScratch { scratch in
      let folder = try scratch.folder("first-boot")
      func script(_ name: String, _ text: String) throws {
        try shell("printf '#!/bin/sh\\n%s\\n' '\(text)' >'\(folder)/\(name)'; chmod 700 '\(folder)/\(name)'")
      }
      let runner = FirstBootScripts.runner.replacing("/var/lib/guestsmith/first-boot", with: folder)
      try scratch.write(runner, to: "first-boot/run")
      try script("01-a", "echo a >>\(folder)/log")
      try script("02-b", "echo b >>\(folder)/log; exit 3")
      try script("10-c", "echo c >>\(folder)/log")
      let said = try shell("sh '\(folder)/run' 2>&1; echo \"= $?\"")
      #expect(said.contains("02-b failed with exit status 3; what follows it is not run"), "\(said)")
      #expect(said.hasSuffix("= 3") || said.hasSuffix("= 3\n"), "\(said)")
      #expect(try shell("cat '\(folder)/log'").split(separator: "\n") == ["a", "b"])
      try script("02-b", "echo B >>\(folder)/log")
      try shell("sh '\(folder)/run' && test -e '\(folder)/done'")
      #expect(try shell("cat '\(folder)/log'").split(separator: "\n") == ["a", "b", "B", "c"])
      try shell("sh '\(folder)/run'")
      #expect(try shell("cat '\(folder)/log'").split(separator: "\n").count == 4)
    }
  }
}
