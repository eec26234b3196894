// SPDX-License-Identifier: Apache-2.0
internal import Report

/// What gpgv says about a signature with --status-fd, as GnuPG's doc/DETAILS has it.
struct SignatureStatus {
  private let lines: [[Substring]]

  init(_ text: String) {
    lines = text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      return words.first == "[GNUPG:]" && words.count > 1 ? Array(words.dropFirst()) : nil
    }
  }

  private func count(_ keyword: String) -> Int { lines.count { $0[0] == keyword } }

  /// It has come to a signature.
  var isJudged: Bool { count("NEWSIG") > 0 }

  /// The key that made the one signature that there is, and the key that it belongs to.
  ///
  /// - Throws: `.io`, with what is wrong, where that is not one, or not a valid one.
  func signer(of signed: String) throws(Failure) -> (key: Fingerprint, primary: Fingerprint) {
    let faults = [
      ("BADSIG", "does not fit"), ("EXPKEYSIG", "is by a key that has expired"), ("EXPSIG", "has expired"),
      ("REVKEYSIG", "is by a key that was revoked"),
    ]
    for (keyword, words) in faults where count(keyword) > 0 {
      throw Failure(.io, "the signature of \(signed) \(words)")
    }
    if let error = lines.first(where: { $0[0] == "ERRSIG" }) {
      // ERRSIG keyid pkalgo hashalgo sig_class time rc fpr
      let key = error.count > 7 && error[7] != "-" ? error[7] : error.count > 1 ? error[1] : "?"
      let reason =
        switch error.count > 6 ? error[6] : "" {
        case "9": ", which is not in the keyring"
        case "4", "5": ", with an algorithm that is not believed"
        default: ", and cannot be checked"
        }
      throw Failure(.io, "the signature of \(signed) is by the key \(Words.printable(key))\(reason)")
    }
    guard count("NEWSIG") == 1, count("GOODSIG") == 1, count("VALIDSIG") == 1 else {
      let number = max(count("NEWSIG"), count("VALIDSIG"))
      throw Failure(
        .io,
        number > 1
          ? "\(signed) has \(number) signatures, and must have exactly one" : "\(signed) has no valid signature")
    }
    // VALIDSIG fpr date timestamp expires version reserved pkalgo hashalgo class [primary]
    guard let valid = lines.first(where: { $0[0] == "VALIDSIG" }), valid.count > 1 else {
      throw Failure(.io, "\(signed) has no valid signature")
    }
    let key = try Fingerprint(String(valid[1]))
    return (key, valid.count > 10 ? try Fingerprint(String(valid[10])) : key)
  }
}
