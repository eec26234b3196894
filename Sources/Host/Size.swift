// SPDX-License-Identifier: Apache-2.0

/// A size as gnt-instance takes it, in bytes: a number with M, G or T, MiB without one.
///
/// - Parameter multiple: in MiB; it is rounded up to a multiple of this.
package func bytes(ofSize text: String, multiple: UInt64 = 1) -> UInt64? {
  let number = text.prefix { ("0"..."9").contains($0) || $0 == "." }
  let unit: UInt64? =
    switch text[number.endIndex...].lowercased() {
    case "", "m", "mb", "mib": 1
    case "g", "gb", "gib": 1 << 10
    case "t", "tb", "tib": 1 << 20
    default: nil
    }
  guard let unit, let value = Double(number), value > 0, value * Double(unit) < 0x1p40 else { return nil }
  let mebibytes = UInt64((value * Double(unit)).rounded(.up))
  return (mebibytes + multiple - 1) / multiple * multiple << 20
}
