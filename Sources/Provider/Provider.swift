// SPDX-License-Identifier: Apache-2.0
package import Configuration
package import Interface
package import Report

/// What an OS definition does when a host calls it: request → plan → apply.
package struct Provider: Sendable {
  let configuration: Configuration
  let steps: Steps

  package init(configuration: Configuration, steps: Steps) {
    self.configuration = configuration
    self.steps = steps
  }

  /// Does what the request asks for; when it returns, everything is on the disk.
  package func run(_ request: Request) throws(Failure) {
    if request.os.debugLevel > 0 { for note in request.notes { steps.note(note) } }
    switch request.purpose {
    case .create: try create(request)
    case .import: try restore(request)
    case .export: try export(request)
    case .rename: try rename(request)
    }
  }
}

/// The version of the program, as it names itself in guests and dumps.
package let programVersion = "0.1.0"
