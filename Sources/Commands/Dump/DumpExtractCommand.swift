// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Glibc
internal import Inspection
internal import LinuxIO
internal import Report
internal import Worker

struct DumpExtractCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extract", abstract: "Extract files and folders of the guest from a dump.",
    discussion: """
      Each PATH becomes a file or folder named by its last part. Only the parts of the dump that hold it are read. Links \
      are created as they are and never followed, and nothing existing is replaced. The files belong to you; devices, \
      pipes, sockets and extended attributes are left out.

      Examples:
        guestsmith dump extract vm1.dump /etc/fstab
        guestsmith dump extract vm1.dump /etc /var/www --to /tmp/vm1
      """)

  @Argument(help: "The dump: a file.")
  var dump: String

  @Argument(help: "Files and folders of the guest; a link is followed if the path ends in a slash.")
  var path: [ByteString]

  @Option(help: ArgumentHelp("The existing folder to extract into.", valueName: "dir"))
  var to: String = "."

  @Flag(
    help: "As root: also restore numeric owners, set-id bits, extended attributes, devices, pipes and sockets.")
  var preserve = false

  @OptionGroup var partition: PartitionOption

  @OptionGroup var progress: ProgressOptions

  func validate() throws {
    if preserve, geteuid() != 0 {
      throw ValidationError("--preserve needs root: only root may give files to other users")
    }
  }

  func run() throws {
    let steps = progress.steps
    let workers = try commandWorkers(steps, for: .extractor)
    let file = try DumpFile(searching: dump, workers, steps)
    try file.extract(path, partition: partition.partition, to: to, preserving: preserve, by: workers, steps)
  }
}
