// SPDX-License-Identifier: Apache-2.0
import Report

/// What the configuration says of a guest that comes ready-made, for its own files; the rest stays as its image has it.
package struct GuestSettings: Sendable, Equatable {
  package var accounts: Accounts
  package var timezone: String?

  package init(accounts: Accounts = Accounts(), timezone: String? = nil) {
    self.accounts = accounts
    self.timezone = timezone
  }

  /// Returns what does not reach the guest, and why, a line for each.
  func apply(to guest: some GuestFiles) throws(Failure) -> [String] {
    let notes = [try accounts.add(to: guest), try setTimezone(of: guest)].compactMap { $0 }
    try CloudInit.keepName(of: guest)
    return notes
  }

  private func setTimezone(of guest: some GuestFiles) throws(Failure) -> String? {
    do throws(Failure) {
      try Locale(timezone: timezone).apply(to: guest)
      return nil
    } catch {
      guard error.code == .guest else { throw error }
      return "the guest keeps its time zone: \(error.message)"
    }
  }
}
