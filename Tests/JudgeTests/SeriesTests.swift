// SPDX-License-Identifier: Apache-2.0
import Host
import Judge
import Report
import TestSupport
import Testing

@Suite("What the judge finds in files")
struct SeriesTests {
}
