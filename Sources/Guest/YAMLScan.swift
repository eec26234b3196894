// SPDX-License-Identifier: Apache-2.0

/// What is wrong with the form of a YAML document (YAML 1.1, as cloud-init reads it), as far as indentation, quotes and brackets go.
/// It errs by letting through: what a value means is nothing to it.
struct YAMLScan {
  /// As it follows "is not YAML: ".
  private(set) var fault: String?

  /// The open quote, and in which line it is.
  private var quote: (mark: Character, line: Int)?
  /// The open brackets.
  private var flow: [(mark: Character, line: Int)] = []
  /// The column of what a text over several lines belongs to: lines that are indented by more are part of it.
  private var owner: Int?

  init(_ lines: [Substring]) {
    for (index, line) in lines.enumerated() where fault == nil { read(Array(line), index + 1) }
    guard fault == nil else { return }
    if let quote {
      fault = "the quote in line \(quote.line) is not closed"
    } else if let open = flow.last {
      fault = "the \(open.mark) in line \(open.line) is not closed"
    }
  }

  private mutating func read(_ line: [Character], _ number: Int) {
    var place = 0
    if quote == nil, flow.isEmpty {
      place = line.prefix { $0 == " " }.count
      let rest = line[place...]
      if rest.allSatisfy(\.isWhitespace) { return }
      if let owner, place > owner { return }
      owner = nil
      if rest.first == "#" || rest.starts(with: "---") || rest.starts(with: "...") || rest.first == "%" { return }
      if rest.first == "\t" {
        fault = "line \(number) is indented by a tab"
        return
      }
      var column = place - 1
      // `- - key: value`
      while place < line.count, "-?".contains(line[place]), isBlank(line, place + 1) {
        column = place
        place += 1
        skipBlanks(line, &place)
      }
      if let colon = endOfKey(line, place) {
        column = place
        place = colon + 1
        skipBlanks(line, &place)
      }
      // `&anchor`, `!tag`
      while place < line.count, "&!".contains(line[place]) {
        while place < line.count, !line[place].isWhitespace { place += 1 }
        skipBlanks(line, &place)
      }
      guard place < line.count, line[place] != "#" else { return }
      switch line[place] {
      case "\"", "'", "[", "{": break
      default:
        owner = column
        return
      }
    }
    readFlow(line, place, number)
  }

  /// Goes on in quotes and brackets; what follows the last of them in its line is not looked at.
  private mutating func readFlow(_ line: [Character], _ start: Int, _ number: Int) {
    var (place, isAtStart) = (start, true)
    while place < line.count {
      let character = line[place]
      if let open = quote {
        if open.mark == "\"", character == "\\" {
          place += 1
        } else if character == open.mark {
          if open.mark == "'", place + 1 < line.count, line[place + 1] == "'" { place += 1 } else { quote = nil }
        }
        isAtStart = false
      } else if isAtStart, "\"'".contains(character) {
        quote = (character, number)
      } else if "[{".contains(character), isAtStart || !flow.isEmpty {
        flow.append((character, number))
        isAtStart = true
      } else if "]}".contains(character), let open = flow.last {
        guard (open.mark == "[") == (character == "]") else {
          fault = "the \(open.mark) in line \(open.line) is closed by a \(character) in line \(number)"
          return
        }
        flow.removeLast()
        isAtStart = false
      } else if flow.isEmpty || character == "#" && (place == 0 || line[place - 1].isWhitespace) {
        return
      } else if !character.isWhitespace {
        isAtStart = character == "," || character == ":" || character == "?"
      }
      place += 1
    }
  }

  /// The colon behind a key that is plain or in quotes; nil where the line has none.
  private func endOfKey(_ line: [Character], _ start: Int) -> Int? {
    guard start < line.count, !"[{#|>".contains(line[start]) else { return nil }
    var place = start
    if "\"'".contains(line[start]) {
      place += 1
      while place < line.count, line[place] != line[start] { place += line[place] == "\\" ? 2 : 1 }
      place += 1
      skipBlanks(line, &place)
      return place < line.count && line[place] == ":" && isBlank(line, place + 1) ? place : nil
    }
    while place < line.count {
      if line[place] == ":", isBlank(line, place + 1) { return place }
      if line[place] == "#", line[place - (place > start ? 1 : 0)].isWhitespace { return nil }
      place += 1
    }
    return nil
  }

  private func isBlank(_ line: [Character], _ place: Int) -> Bool { place >= line.count || line[place].isWhitespace }

  private func skipBlanks(_ line: [Character], _ place: inout Int) {
    while place < line.count, line[place].isWhitespace { place += 1 }
  }
}
