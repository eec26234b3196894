// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Report

/// The environment of this process, as its children get it: the system's tools are found where they are, although the
/// PATH of Debian's users has no /usr/sbin and /sbin. An entry without `=` is passed over. What is not UTF-8 is as
/// `String(argument:)` has it.
package func ownEnvironment() -> [String: String] {
  var variables: [String: String] = [:]
  var next = environ
  while let entry = next.pointee {
    let pair = String(argument: ByteString(cString: entry).bytes)
      .split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
    next += 1
  }
  let path = variables["PATH"] ?? "/usr/bin:/bin"
  let missing = ["/usr/sbin", "/sbin"].filter { !path.split(separator: ":").contains(Substring($0)) }
  variables["PATH"] = ([path] + missing).joined(separator: ":")
  return variables
}

/// Takes the variables whose names begin so out of the environment of this process, and their values out of its memory, where
/// /proc shows them: what is started from then on has none of them. To be called before there is another thread.
package func forgetVariables(beginningWith prefix: String) {
  var names: [String] = []
  var next = environ
  while let entry = next.pointee {
    next += 1
    guard let equals = strchr(entry, Int32(UInt8(ascii: "="))), strncmp(entry, prefix, strlen(prefix)) == 0 else {
      continue
    }
    names.append(String(cString: entry).prefix { $0 != "=" }.description)
    explicit_bzero(equals + 1, strlen(equals + 1))
  }
  for name in names { unsetenv(name) }
}

/// Whether this process was called by that name, also where there is no /proc.
package func isCalled(_ name: String) -> Bool { strcmp(clinux_own_name(), name) == 0 }

/// What this process was called with, its own name first, as `String(argument:)` has it.
package func ownArguments() -> [String] {
  (0..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0] }.map {
    String(argument: ByteString(cString: $0).bytes)
  }
}
