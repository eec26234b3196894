// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report

// How the scripts answer to words that are not a request, and verify to parameters.

extension Trial {
  func judgeUsage() {
    guard version == InterfaceVersion.byArguments else {
      return skip([.help, .wrongArguments], "version \(version) has no arguments")
    }
    let scripts = Script.called(in: version).map(\.rawValue)
    judge(.help) { () throws(Failure) in
      var evidence: [String] = []
      var silent: [String] = []
      for script in scripts {
        for word in ["-h", "--help"] {
          let ending = try call(script, [word])
          evidence += ["\(script) \(word): \(ending.words)"] + ending.lines.prefix(3).map { "  \($0)" }
          if !ending.isUsage { silent.append("\(script) \(word)") }
        }
      }
      return .require(silent.isEmpty, "no usage message from \(silent.joined(separator: ", "))", evidence)
    }
    judge(.wrongArguments) { () throws(Failure) in
      var evidence: [String] = []
      var silent: [String] = []
      for script in scripts {
        for words in [[], ["-i"], ["-i", oldName.text]] {
          let ending = try call(script, words)
          let shown = words.isEmpty ? "without arguments" : words.joined(separator: " ")
          evidence += ["\(script) \(shown): \(ending.words)"] + ending.lines.prefix(3).map { "  \($0)" }
          if !ending.isUsage || !ending.isRefusal { silent.append("\(script) \(shown)") }
        }
      }
      return .require(
        silent.isEmpty, "no usage message, or no failure, from \(silent.joined(separator: ", "))", evidence)
    }
  }

  /// Calls a script with arguments that no host gives.
  private func call(_ script: String, _ arguments: [String]) throws(Failure) -> Ending {
    try watched("\(script) \(arguments.joined(separator: " "))") { () throws(Failure) in
      let output = try Descriptor("\(folder)/usage", O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
      var command = Command("\(definition.path)/\(script)", arguments)
      command.workingDirectory = definition.path
      command.output = .descriptor(output.view)
      command.error = .descriptor(output.view)
      let (started, most) = (ContinuousClock.now, ScriptCall.Limits().log)
      let status: ExitStatus?
      var limit: [String] = []
      do throws(Failure) {
        status = try command.start().wait { () throws(Failure) in
          if started.duration(to: .now) > .seconds(options.seconds) {
            throw Failure(.script, "\(script) did not end in \(options.seconds) s")
          }
          if UInt64(try output.status().st_size) > most {
            throw Failure(.script, "\(script) wrote more than \(most >> 20) MiB")
          }
        }
      } catch {
        status = nil
        limit = [error.message]
      }
      let told = try readFile(output.name, limit: 1 << 16)
      return Ending(script: script, status: status, lines: limit + lines(of: told))
    }
  }

  func judgeVerify() {
    guard version >= InterfaceVersion.firstWithParameters else {
      return skip([.verifyAccepts, .verifyRefuses], "version \(version) has no verify script")
    }
    judge(.verifyAccepts) { () throws(Failure) in
      let ending = try call(.verify, instance([]))
      return .require(ending.isSuccess, ending.words, ending.evidence)
    }
    let parameters = definition.contents?.parameters ?? []
    guard !parameters.isEmpty else { return skip([.verifyRefuses], "it has no parameters") }
    judge(.verifyRefuses) { () throws(Failure) in
      var evidence: [String] = []
      var refused = 0
      for parameter in parameters {
        var instance = instance([])
        instance.parameters[parameter.name] = Instance.Parameter("\u{1}no such value/../$(x) ;\n\u{7}")
        let ending = try call(.verify, instance)
        if ending.isRefusal { refused += 1 }
        evidence.append("\(parameter.name): \(ending.isRefusal ? "refused" : ending.words)")
      }
      // A free text may be anything; the fault is that no parameter is looked at.
      return .require(refused > 0, "no parameter is refused, whatever its value", evidence)
    }
  }
}

extension Trial.Ending {
  /// Whether it says how it wants to be called.
  fileprivate var isUsage: Bool {
    let text = lines.joined(separator: "\n").lowercased()
    return status != nil && (text.contains("usage") || (text.contains("-i") && text.contains("-b")))
  }
}
