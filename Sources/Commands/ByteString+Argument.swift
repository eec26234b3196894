// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Report

/// A guest's name on the command line: the bytes that were typed.
extension ByteString: ExpressibleByArgument {}
