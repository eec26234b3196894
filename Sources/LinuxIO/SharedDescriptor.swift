// SPDX-License-Identifier: Apache-2.0
package import Report

/// An open file that several own, such as closures and threads; it closes with the last of them.
package final class SharedDescriptor: Sendable {
  private let descriptor: Descriptor

  package init(_ descriptor: consuming Descriptor) {
    self.descriptor = descriptor
  }

  package var name: String { descriptor.name }
  package var view: DescriptorView { descriptor.view }

  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    try descriptor.read(into: buffer)
  }

  /// Reads at `offset` until the buffer is full or the end comes; returns how much there was.
  package func readFull(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Failure) -> Int {
    try descriptor.readFull(into: buffer, at: offset)
  }
}
