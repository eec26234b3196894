// SPDX-License-Identifier: Apache-2.0

/// Cells below each other, each column as wide as its widest.
package struct Table {
  private let rows: [[String]]
  private let gap: Int
  private let rightAligned: Set<Int>

  /// - Parameters:
  ///   - rows: as they came from outside.
  ///   - rightAligned: the columns of numbers.
  package init(_ rows: [[String]], header: [String]? = nil, gap: Int = 2, rightAligned: Set<Int> = []) {
    // Escaped before they are measured: `\x1b` is four columns wide. Escaping again changes nothing.
    self.rows = ((header.map { [$0] } ?? []) + rows).map { $0.map(\.escaped) }
    self.gap = gap
    self.rightAligned = rightAligned
  }

  package var lines: [String] {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].terminalWidth : 0 }.max() ?? 0 }
    return rows.map { row in
      // No blanks at the end of a line, but for those of a name.
      let cells = row[..<((row.lastIndex { !$0.isEmpty } ?? -1) + 1)]
      return cells.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.terminalWidth)
        if rightAligned.contains(column) { return space + cell }
        return column == cells.count - 1 ? cell : cell + space
      }.joined(separator: String(repeating: " ", count: gap))
    }
  }
}
