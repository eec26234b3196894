// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let settings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// What the program is installed with: it needs no Swift where it runs. The linker alone is told, so that the same modules serve the
/// tests, for which Swift has shared libraries only.
let alone: [LinkerSetting] = [
  .unsafeFlags(["-static-stdlib"], .when(configuration: .release)),
  .linkedLibrary("_FoundationCollections", .when(configuration: .release)),
  .linkedLibrary("_FoundationCShims", .when(configuration: .release)),
]

func swift(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// What a test says is not made faster, which would take longer than it takes to run.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name + "Tests", dependencies: dependencies, swiftSettings: settings + [.unsafeFlags(["-Onone"])])
}

/// A C library behind a thin shim; exactly one Swift module imports it.
func c(_ name: String, links libraries: [String]) -> Target {
  .target(
    name: name, cSettings: [.define("_GNU_SOURCE"), .unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
    linkerSettings: libraries.map { .linkedLibrary($0) })
}

let package = Package(
  name: "guestsmith",
  products: [.executable(name: "guestsmith", targets: ["guestsmith"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    // Leaves.
    swift("Report", []),
    swift("Filesystems", ["Report"]),
    swift("Layout", ["Report"]),
    swift("Interface", ["Report"]),
    c("CLinux", links: ["blkid", "seccomp"]),
    swift("LinuxIO", ["Report", "CLinux"]),
    swift("Storage", ["Report", "LinuxIO", "Layout"]),
    swift("Worker", ["Report", "LinuxIO", "Storage"]),
    c("CCrypto", links: ["crypto"]),
    c("CXXHash", links: ["xxhash"]),
    swift("Digest", ["CCrypto", "CXXHash"]),
    c("CCurl", links: []),
    swift("Fetch", ["Report", "LinuxIO", "Digest", "CCurl"]),
    c("CExt2FS", links: ["ext2fs", "com_err"]),
    swift("Ext4", ["Report", "Storage", "CExt2FS"]),
    c("CZstd", links: ["zstd"]),
    c("CZlib", links: ["z"]),
    swift("Dump", ["Report", "Digest", "CZstd"]),
    swift("Guest", ["Filesystems", "Report", "Digest"]),
    swift("Configuration", ["Report", "Interface"]),
    // What does the work.
    c("CArchive", links: ["archive"]),
    swift("Images", ["Report", "Guest", "Layout", "LinuxIO", "Storage", "Ext4", "Digest", "CArchive"]),
    swift("Sources", ["Report", "LinuxIO", "Storage", "Worker", "Dump", "Ext4", "CZlib"]),
    swift(
      "Inspection", ["Filesystems", "Report", "LinuxIO", "Layout", "Storage", "Worker", "Dump", "Ext4", "Sources"]),
    swift(
      "Provider",
      [
        "Filesystems", "Report", "Interface", "Configuration", "Fetch", "Guest", "Images", "Dump", "Ext4", "Layout",
        "LinuxIO",
        "Storage", "Sources", "Inspection", "Worker",
      ]),
    swift("Host", ["Report", "Interface", "LinuxIO"]),
    swift("Instances", ["Report", "Interface", "LinuxIO", "Storage", "Worker", "Host", "Ext4", "Digest"]),
    swift(
      "Judge",
      [
        "Filesystems", "Report", "Interface", "Layout", "LinuxIO", "Storage", "Host", "Instances", "Ext4", "Digest",
      ]),
    // What a person or a host calls.
    swift(
      "Commands",
      [
        "Report", "Interface", "Configuration", "Provider", "Inspection", "Sources", "Host", "Instances", "Judge",
        "Images", "Dump", "Ext4",
        "LinuxIO", "Worker",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(name: "guestsmith", dependencies: ["Commands"], swiftSettings: settings, linkerSettings: alone),
    // Tests.
    swift("TestSupport", ["Report", "LinuxIO"]),
    tests("Report", ["Report", "TestSupport"]),
    tests("Interface", ["Interface", "Report"]),
    tests("Layout", ["Layout", "LinuxIO", "Report", "TestSupport"]),
    // Tries from inside what a confined program may not do.
    .executableTarget(
      name: "confinement-probe", dependencies: ["CLinux"], path: "Tests/ConfinementProbe",
      cSettings: [.define("_GNU_SOURCE"), .unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
      // It is to need no library of a toolchain, which is in no root but our own program's.
      linkerSettings: [.unsafeFlags(["-static-stdlib"])]),
    tests("LinuxIO", ["LinuxIO", "Report", "TestSupport", "confinement-probe"]),
    tests("Storage", ["Storage", "LinuxIO", "Report", "TestSupport"]),
    tests("Fetch", ["Fetch", "LinuxIO", "Report", "TestSupport"]),
    tests("Filesystems", ["Filesystems", "LinuxIO", "Report", "TestSupport"]),
    tests("Worker", ["Worker", "Storage", "LinuxIO", "Report", "TestSupport"]),
    tests("Ext4", ["Ext4", "Storage", "Report", "LinuxIO", "TestSupport"]),
    tests("Dump", ["Dump", "Sources", "Report", "Digest", "TestSupport"]),
    tests("Guest", ["Guest", "Report", "TestSupport"]),
    tests("Configuration", ["Configuration", "Interface", "Report", "TestSupport"]),
    tests("Images", ["Images", "Guest", "Ext4", "Storage", "LinuxIO", "Report", "TestSupport"]),
    tests(
      "Provider",
      ["Provider", "Interface", "Configuration", "Guest", "Images", "LinuxIO", "Report", "Worker", "TestSupport"]),
    tests("Host", ["Host", "Interface", "LinuxIO", "Report", "TestSupport"]),
    tests("Instances", ["Instances", "Host", "Interface", "LinuxIO", "Report", "Worker", "TestSupport"]),
    tests("Judge", ["Judge", "LinuxIO", "Report", "TestSupport"]),
    tests(
      "Commands",
      [
        "Commands", "LinuxIO", "Report", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    tests("Fuzz", ["Dump", "Ext4", "Filesystems", "Layout", "Storage", "LinuxIO", "Report", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6]
)
