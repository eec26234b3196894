// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Guest
internal import Interface
internal import Report
internal import Storage
internal import Worker

/// The new name of a guest, written into its files by a worker that has its disk.
enum GuestRename {
  static let task = WorkerTask("rename", .editor) { context throws(Failure) in
    let values = context.values
    let (old, new) = (try values.text("old"), try values.text("new"))
    let outcome = try context.steps.step("rename \(old) to \(new)") { _ throws(Failure) in
      let device = Region(rootOf: try context.disk(0))
      let guest = GuestTree(try Filesystem(opening: device, writable: true, isShared: true), isInPlace: true)
      let renaming = Renaming(
        from: GuestName(old), to: GuestName(new), network: try GuestNetwork.optional(values["network"]))
      let outcome = try renaming.apply(
        to: guest,
        tell: { paths in
          context.steps.note(
            "these name an address that the guest had, and stay as they are: \(Words.list(paths.map(\.description)))")
        }, note: { context.steps.note($0) })
      try guest.commit()
      return outcome
    }
    return .bool(outcome == .renamed)
  }

  static func values(from old: InstanceName, to new: InstanceName, _ network: GuestNetwork) -> JSON {
    ["old": .string(old.text), "new": .string(new.text), "network": network.json]
  }
}
