// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// The whole program: the scripts of an OS definition by the name they are called by, else the command line.
public enum Program {
  public static func main() {
    Guestsmith.main()
  }
}

struct Guestsmith: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guestsmith",
    abstract: "Guest operating systems for Ganeti: installed, dumped, restored and renamed.")
}
