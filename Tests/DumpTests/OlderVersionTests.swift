// SPDX-License-Identifier: Apache-2.0
import Digest
import Dump
import Report
import Testing

@Suite("A dump of version 1 is read as before")
struct OlderVersionTests {
  /// Of guestsmith 0.1.0: a disk of 9 MiB with three runs of blocks, in frames of an amount of data each.
  static let stored: [UInt8] = bytes(
    ofBase64: """
      KLUv/WQAAwUKAGYTPCFAh9gBmOAxXlCxpEWxAqIIlq+iqN1X1JNWitoRcRQgDpAxADIAMwD7Dk75rCrySC/lZE7TvUeJNSnLshQnRS2GKYXXohKz
      hRMnTowBMDOnKJ0gee/nRQcDbduJ7j0+w1rNYpaGUdoW0e96OpyohBW6mZBzobRtlM9nM1YVIewCRojCwD/o7x0lVluxv9GrqjRsWB4RmEExizXa
      th3PV1UVeWhbhT8EBEVR2350bzqGy8SUSUML6BqdqEMXrAbIASIQoG0d9ruBN/SeA1VEWRTTsKJtG7r5MG27cHBVXeFI6FCQsx2FKOO+01D70rb+
      AR4AM0/BjQvhxZpF4nUBE2tsRlGTavBNH4zA4RzH5tWcAWhYYrxCh2djVGFlKmk+U6gAsgBpMGEBaw+exoWhcACEXwDSAK4B3MAgzwSU1ub0eSi1
      L/1kAAc9BwCCTCYfYIfaBjA9SHcWiEP9a+cDG1MlVfvUQit7k8AKiKJAyMjP/eJTUtaDSdEiTI36PLENZzzyzXHr+Z9n88haKAADCcQBz5xpzUnk
      lGjZkKwEpS3UYrmYLIZqJMUnbGkomAlbCBQDWY0pg4YkEAejeo5lYf8x5WgH9zDXpzl/mos49XvyuvP3+zH3/x+CYkhBUxSFxpZCrYCHEggcAIZ5
      AjggsbdQwMrF+8CAakBnA2QGCAI55Z+21AUqODJgzGzZTz5uCEID7sjZdQBBgBSYsIC1B0/jwlA4AMIvAGkA1wBuYJAaBXdWEkq8KLUv/aQA0AUA
      zAcAQocWDwDnDWB37969e/fuXUeCAY0tldAxhQzxQCFD/CAEnW+d8bWVThnhc40tldAxhQzxgxB0vnXG11Y6ZYTPNbZUQscUMsQPQtD51hlfW+mU
      ET7X2FIJHVPIEP8Bc5gQ8AcAEvj//19SgBAPHvw//8v/8l/8D/6f/+V/+S/+B//P//K/jBay5Z8///zxhz///PHnjz/++PPHP//8+eOPP//888+f
      P/zz558//vjzzx9//vjjjz9//PPPnz/++OOff/7588c/f/75448///zx548//vjzxz/++fOHx+HzOD6fy+NwHD6fy+XgeBwOl8vheBwOl8uR25AC
      pAIABAIbHR8hIyUnKSstLzEzNTc5Oz0/AQMFBwkLDQ8RExUXGSBUAQAv/Oc///nPf/7zn//85z//+c9//vOf//znP//5z3/+85///Oc///nPf/7z
      n/8BHQMA8BsdHyEjJScpKy0vMTM1Nzk7PT8BAwUHCQsNDxETAB5QAQAc9LlX/Pf57/Pf57/Pf5//Pv99/vv89/nv89/nv89/n/8+/33++/z3+e/z
      3+e/z3+f/z7/ff77/Pf57/Pf578fiXMOkii1L/1kAAdNBQBySiAdcCdxA4G++BlVCppUkS31/zvMiER2zziu/l+vIAMkgZjehIlYRkxWeQ4JF1JP
      PTdiqayS4j7ciw9CyrnWgbHWxsSIRVemGMzh7ADDlEIK/zdpMRiDHQeEKYUg3FEU7b/Wh2FwL3dcxV+iosW8Mt5Z/P1+u+f/r6AwBgAaIxDodgQO
      AG3lP5gnBrIAsgBpMGEBaw+exoWhcACEXwDSAK4B3MAg0wS+ADrLb1wqTRgIAAAAw2JRMce9woVeKk0YMQAAAE4BAAAABAAA9QAAAAAIAADGAQAA
      ANAFALcAAAAACAAAEAAAAAAAAAAFAAAAALHqko8=
      """)

  @Test("one that was stored restores to its disk, and is read at any offset") func storedOne() throws {
    let disk = try restore(Self.stored)
    #expect(SHA256.hex(of: disk) == "ea3031c6eca6da376a97f5a5af061c62d04ad73822da798e7a52ef062c7cd187")
    let index = try DumpIndex(Self.stored)
    #expect(index.manifest.version == 1)
    let isSame = try index.bytes(at: 5 << 20, 400_000) == Array(disk[5 << 20..<(5 << 20) + 400_000])
    #expect(isSame)
  }

  @Test("whatever the disk", arguments: RoundTripTests.disks) func anyDisk(_ disk: Disk) throws {
    for form in DamageTests.forms {
      let dump = try disk.dump(form, version: 1)
      let isSame = try restore(dump) == disk.bytes
      let isIndexed = try DumpIndex(dump).bytes(at: 0, disk.bytes.count) == disk.bytes
      #expect(isSame && isIndexed)
    }
  }

  private static func bytes(ofBase64 text: String) -> [UInt8] {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var (bits, count, bytes) = (UInt32(0), 0, [UInt8]())
    for value in text.utf8.compactMap({ alphabet.firstIndex(of: $0) }) {
      bits = bits << 6 | UInt32(value)
      count += 6
      guard count >= 8 else { continue }
      count -= 8
      bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
    }
    return bytes
  }
}
