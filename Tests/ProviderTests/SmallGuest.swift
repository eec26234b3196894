// SPDX-License-Identifier: Apache-2.0
import Configuration
import Images
import Interface
import LinuxIO
import Provider
import Report
import TestSupport
import Worker

/// What the provider works on in these tests: a guest of a few files, image files as disks, and a world of which all is
/// known.
struct SmallGuest {
  static let now = Timestamp(seconds: 1_700_000_000)

  let scratch: Scratch
  let definition: String

  init(in scratch: Scratch, configuration: String = "") throws {
    self.scratch = scratch
    definition = try scratch.folder("os/guestsmith")
    try scratch.folder("os/guestsmith/variants")
    try scratch.folder("cache")
    try scratch.write(
      """
      cache = "\(try shell("realpath '\(scratch("cache"))'"))"
      mirror = "http://192.0.2.1/debian"
      suite = "bookworm"
      \(configuration)
      """, to: "os/guestsmith/guestsmith.toml")
  }

  func configuration(_ parameters: [String: String] = [:]) throws -> Configuration {
    try Configuration.load(definitionDirectory: definition, variant: nil, parameters: parameters)
  }

  /// A tar of the guest's root.
  func tar() throws -> String {
    let path = scratch("root.tar")
    try Self.makeTar(path)
    return path
  }

  /// - Parameter boots: with what the packages of boot loaders have, and what the bootstrap makes of it.
  private static func makeTar(_ path: String, boots: Bool = false) throws {
    let loaders = """
      mkdir -p boot/grub/i386-pc usr/lib/grub/i386-pc usr/lib/grub/x86_64-efi-signed usr/lib/shim
      printf '\\353c\\220' >usr/lib/grub/i386-pc/boot.img
      truncate -s 510 usr/lib/grub/i386-pc/boot.img
      printf '\\125\\252' >>usr/lib/grub/i386-pc/boot.img
      head -c 20000 /dev/urandom >boot/grub/i386-pc/core.img
      printf shim >usr/lib/shim/shimx64.efi.signed
      printf manager >usr/lib/shim/mmx64.efi
      printf 'signed grub' >usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed
      echo kernel >boot/vmlinuz-6.1.0-1-amd64
      echo initrd >boot/initrd.img-6.1.0-1-amd64
      """
    try shell(
      """
      root="$(mktemp -d '\(path).XXXXXX')"
      cd "$root"
      mkdir -p boot dev etc/ssh etc/systemd/system home lib/systemd proc root run sys tmp usr/bin var/lib/dpkg
      chmod 1777 tmp
      echo 'root:x:0:0:root:/root:/bin/sh' >etc/passwd
      echo 'root:*:19000:0:99999:7:::' >etc/shadow
      echo 'root:x:0:' >etc/group
      echo 'ID=debian' >etc/os-release
      echo localhost >etc/hostname
      echo old >etc/ssh/ssh_host_ed25519_key
      printf 'Package: apt\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 2.6.1\\n' >var/lib/dpkg/status
      printf '#!/bin/sh\\n' >lib/systemd/systemd-networkd
      printf '#!/bin/sh\\n' >lib/systemd/systemd-resolved
      head -c 3000000 /dev/urandom >usr/bin/program
      \(boots ? loaders : "")
      tar --owner=0 --group=0 -cf '\(path)' .
      cd /
      rm -r "$root"
      """)
  }

  /// Sparse, and not cleared: what was on the disk before is noise.
  func disk(_ name: String = "disk", mebibytes: UInt64 = 512) throws -> String {
    let path = try makeSparseFile(scratch(name), size: mebibytes << 20)
    try shell("head -c 65536 /dev/urandom | dd of='\(path)' conv=notrunc status=none")
    return path
  }

  func request(
    _ purpose: Request.Purpose, _ name: String = "vm1.example.com", disks: [String]
  ) throws -> Request {
    var requested = disks.enumerated().map { index, path in RequestedDisk(index: index, path: path) }
    if !requested.isEmpty { requested[0].role = .root }
    return Request(
      purpose, try InstanceName(name), disks: requested, os: RequestedOS(definition: definition, name: "guestsmith"))
  }

  /// - Parameters:
  ///   - input: the file that a guest is restored from.
  ///   - output: the file that a dump goes to.
  ///   - boots: whether the guest's packages have boot loaders.
  func surroundings(
    input: String = "/dev/null", output: String = "/dev/null", uuids: [UUID] = [],
    addresses: [String: [String]] = [:], boots: Bool = false
  ) -> Surroundings {
    let uuids = Queue(uuids)
    return Surroundings(
      input: { () throws(Failure) in try Descriptor(input, 0) },
      output: { () throws(Failure) in try Descriptor(output, 1) },
      now: { Self.now },
      newUUID: { uuids.next() ?? .random() },
      resolve: { name throws(Failure) in
        guard let found = addresses[name] else { throw Failure(.invalid, "no such name") }
        return found
      },
      maker: ImageMaker(
        neededRoom: 1 << 20,
        bootstrap: { recipe, tar, _, _ throws(Failure) in
          do {
            try Self.makeTar(tar, boots: boots)
          } catch {
            throw Failure(.tool, "\(error)")
          }
          return recipe.sources
        }, populate: ImageMaker.standard.populate),
      workers: Workers(.off))
  }

  /// Runs the plan of a request, without a word.
  func run(
    _ request: Request, _ surroundings: Surroundings? = nil, parameters: [String: String] = [:],
    steps: Steps = Steps(.quiet)
  ) throws {
    let provider = Provider(
      configuration: try configuration(parameters), surroundings: surroundings ?? self.surroundings())
    try provider.run(request, steps)
  }

  func plan(
    _ request: Request, _ surroundings: Surroundings? = nil, parameters: [String: String] = [:]
  ) throws -> [String] {
    try Provider(configuration: configuration(parameters), surroundings: surroundings ?? self.surroundings())
      .plan(request)
  }
}
