// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// What a machine starts before anything that is on its disks.
package enum Firmware: String, CaseIterable, Sendable {
  /// SeaBIOS, which qemu has by itself.
  case bios
  /// OVMF.
  case uefi
  /// OVMF that starts nothing but what Microsoft's keys have signed.
  case secure = "uefi-secure"

  /// Its program and the variables of a new machine, as Debian's package ovmf has them; nil for what qemu brings.
  private var files: (program: String, variables: String)? {
    let folder = "/usr/share/OVMF"
    return switch self {
    case .bios: nil
    case .uefi: ("\(folder)/OVMF_CODE_4M.fd", "\(folder)/OVMF_VARS_4M.fd")
    case .secure: ("\(folder)/OVMF_CODE_4M.ms.fd", "\(folder)/OVMF_VARS_4M.ms.fd")
    }
  }

  static let limit = 64 << 20

  /// The name of the file in an instance's folder that has its variables.
  var variablesName: String { "variables.\(rawValue)" }

  /// What qemu is told, and the files that it inherits for that.
  ///
  /// - Parameters:
  ///   - folder: of the instance, where its variables are kept.
  ///   - keepsChanges: whether what it stores is kept; else qemu keeps that apart.
  func attach(in folder: String, keepsChanges: Bool) throws(Failure) -> (arguments: [String], files: [SharedDescriptor])
  {
    guard let files else { return ([], []) }
    let remedy = "install the Debian package ovmf, or use --firmware bios"
    guard access(files.program, R_OK) == 0, access(files.variables, R_OK) == 0 else {
      throw Failure(.tool, "\(files.program) and \(files.variables) cannot be read", remedy: remedy)
    }
    let program = SharedDescriptor(try Descriptor(files.program, O_RDONLY))
    let own = try ownVariables(in: folder, from: files.variables, keepsChanges: keepsChanges)
    var arguments = ["-machine", self == .secure ? "q35,smm=on" : "q35"]
    if self == .secure { arguments += ["-global", "driver=cfi.pflash01,property=secure,value=on"] }
    arguments += ["-add-fd", "fd=\(program.view.number),set=100"]
    for file in own { arguments += ["-add-fd", "fd=\(file.view.number),set=101"] }
    arguments += [
      "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=/dev/fdset/100",
      "-drive", "if=pflash,unit=1,format=raw,file=/dev/fdset/101",
    ]
    return (arguments, [program] + own)
  }

  /// To be read, and to be written.
  private func ownVariables(
    in folder: String, from template: String, keepsChanges: Bool
  ) throws(Failure) -> [SharedDescriptor] {
    let path = "\(folder)/\(variablesName)"
    let source = isWhole(path, as: template) ? path : template
    guard keepsChanges else { return [SharedDescriptor(try Descriptor(source, O_RDONLY))] }
    if source == template { try makeVariables(in: folder, from: template) }
    return try [O_RDONLY, O_RDWR].map { flags throws(Failure) in SharedDescriptor(try Descriptor(path, flags)) }
  }

  /// Whether variables are kept there that the firmware can use: it maps as many bytes as the template has.
  private func isWhole(_ path: String, as template: String) -> Bool {
    let (kept, new) = (examine(path), examine(template))
    return kept.error == 0 && new.error == 0 && kept.status.st_size == new.status.st_size
  }

  /// Makes the variables of a new machine, all of them or none.
  private func makeVariables(in folder: String, from template: String) throws(Failure) {
    let folder = try Folder(folder)
    let draft = variablesName + ".new"
    try folder.remove(draft)
    try folder.write(readFile(template, limit: Self.limit), to: draft, mode: 0o600)
    try folder.move(draft, to: folder, as: variablesName)
    try folder.flush()
  }
}
