// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import Report

/// One request for a URL, or for the rest of what is at it.
struct Request {
  let url: String
  /// Whether it may be redirected to plain http.
  let leavesTLS: Bool
  /// Where to go on, and the tag of the entity that is there up to that; nil: from the beginning.
  let rest: (offset: UInt64, entityTag: String)?
  let limits: DownloadLimits

  /// How it ended.
  enum Outcome {
    case done
    case ended
    case redirected
    case broken(String)
    case stalled
    case failed(String)
  }

  /// - Parameters:
  ///   - head: gets the lines of the answers' heads.
  ///   - body: gets the body, by and by. False from either ends it.
  func get(
    head: @escaping (String) -> Bool, body: @escaping (UnsafeRawBufferPointer) -> Bool
  ) throws(Failure) -> Outcome {
    let receiver = Receiver(head: head, body: body)
    var words = [CChar](repeating: 0, count: 512)
    let range = rest.map { "\($0.offset)-" }
    let condition = rest.map { "If-Range: \($0.entityTag)" }
    let outcome = withExtendedLifetime(receiver) {
      url.withCString { url in
        withOptionalCString(range) { range in
          withOptionalCString(condition) { condition in
            var request = ccurl_request(
              url: url, leaves_tls: leavesTLS, range: range, header: condition, connect_limit: limits.connect,
              stall_limit: limits.stall, duration_limit: limits.duration,
              context: Unmanaged.passUnretained(receiver).toOpaque(),
              head: { context, line, length in
                let bytes = UnsafeRawBufferPointer(start: line, count: length)
                return Receiver.of(context).head(String(decoding: bytes, as: UTF8.self))
              },
              body: { context, bytes, count in
                Receiver.of(context).body(UnsafeRawBufferPointer(start: bytes, count: count))
              })
            return ccurl_get(&request, &words, words.count)
          }
        }
      }
    }
    let reason = String(decoding: words.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    switch outcome {
    case CCURL_DONE: return .done
    case CCURL_ENDED: return .ended
    case CCURL_REDIRECTED: return .redirected
    case CCURL_BROKEN: return .broken(reason)
    case CCURL_STALLED: return .stalled
    case CCURL_FAILED: return .failed(reason)
    default:
      throw Failure(
        .tool, "libcurl, which fetches files, is not installed", remedy: "install the Debian package libcurl4")
    }
  }

  private final class Receiver {
    let head: (String) -> Bool
    let body: (UnsafeRawBufferPointer) -> Bool

    init(head: @escaping (String) -> Bool, body: @escaping (UnsafeRawBufferPointer) -> Bool) {
      self.head = head
      self.body = body
    }

    static func of(_ context: UnsafeMutableRawPointer?) -> Receiver {
      // It is what `get` handed over, and is there for as long as the request.
      Unmanaged<Receiver>.fromOpaque(context!).takeUnretainedValue()
    }
  }
}

private func withOptionalCString<R>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
  guard let text else { return body(nil) }
  return text.withCString { body($0) }
}
