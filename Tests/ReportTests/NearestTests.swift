// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@Test(
  "The nearest name is the one that takes the fewest changes",
  arguments: [
    ("kernle", "kernel"), ("isntance", "instance"), ("imag", "image"), ("INSTANCE", "instance"), ("dmup", "dump"),
    (String(repeating: "x", count: 1 << 10), "image"),
  ])
func nearestName(name: String, expected: String) {
  #expect(nearest(to: name, among: ["image", "instance", "kernel", "dump"]) == expected)
}

@Test("Of no names none is the nearest")
func nearestOfNone() {
  #expect(nearest(to: "a", among: []) == nil)
}
