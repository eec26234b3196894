// SPDX-License-Identifier: Apache-2.0
internal import Guest
internal import Report
internal import Worker

// As a worker is told of them.
extension Accounts {
  var json: JSON {
    [
      "password": .optional(rootPasswordHash), "keys": .array(sshKeys.map { .string($0) }),
      "user": .optional(user?.name), "userPassword": .optional(user?.passwordHash), "rootKeys": .bool(rootHasKeys),
    ]
  }

  init(_ json: JSON?) throws(Failure) {
    guard let json else { throw Failure(.io, "the accounts are missing") }
    self.init(rootPasswordHash: json["password"]?.string, sshKeys: try json.texts("keys"))
    user = json["user"]?.string.map { UserAccount(name: $0, passwordHash: json["userPassword"]?.string) }
    rootHasKeys = try json.flag("rootKeys")
  }
}
