// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
package import Report
internal import Synchronization

/// Whether programs that read a guest's bytes are confined.
package enum SandboxMode: String, Sendable, CaseIterable {
  /// As far as this machine lets us; what is missing is told.
  case auto
  /// As a whole, or not at all.
  case required
  case off
}

/// How this process confines others, for as long as it runs.
package enum Sandbox {
  private static let state = Mutex<(mode: SandboxMode, told: Bool)>((.auto, false))

  package static var mode: SandboxMode { state.withLock { $0.mode } }

  /// The layers in use; nil where nothing is confined.
  static func layers(for role: Confinement.Role) -> SandboxLayers? { mode == .off ? nil : .of(role) }

  /// Whether programs put themselves under a filter of system calls.
  package static func filters(_ role: Confinement.Role) -> Bool { layers(for: role)?.filters ?? false }

  /// Has the layers of this machine found out while other things are done, which is a matter of milliseconds.
  package static func lookAhead() { DispatchQueue.global().async { _ = SandboxLayers.of(.worker) } }

  /// Sets the mode for all that is started from here on.
  ///
  /// - Parameter role: what is to be started.
  /// - Returns: a note, once, on what is missing.
  /// - Throws: `.tool` where it is required and this machine lacks a part of it.
  package static func use(_ mode: SandboxMode, for role: Confinement.Role = .worker) throws(Failure) -> String? {
    let told = state.withLock { state in
      defer { state = (mode, true) }
      return state.told
    }
    switch mode {
    case .off: return nil
    case .required:
      if let shortfall = SandboxLayers.of(role).shortfall {
        throw Failure(
          .tool, "sandbox = required, and \(shortfall)",
          remedy: "see guestsmith config check for what this machine has, or set sandbox = auto")
      }
      return nil
    case .auto: return told ? nil : SandboxLayers.of(role).shortfall
    }
  }
}
