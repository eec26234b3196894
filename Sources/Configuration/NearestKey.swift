// SPDX-License-Identifier: Apache-2.0
internal import Report

extension Key {
  static func named(_ name: String) -> Key? {
    all.first { $0.name == name }
  }

  static func nearest(to name: String) -> String? { Report.nearest(to: name, among: all.map(\.name)) }
}
