// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

/// One request by libcurl, which is loaded when it is needed first: with the libraries behind it that takes as long as the
/// start of the whole program, and most runs and all workers fetch nothing. Its functions take their arguments in a
/// way that Swift does not import.
struct ccurl_request {
  /// http or https.
  const char *_Nonnull url;
  /// Whether it may be redirected to plain http.
  bool leaves_tls;
  /// Of the bytes to ask for, such as `4096-`; NULL for all.
  const char *_Nullable range;
  /// A further line of the request's head; NULL for none.
  const char *_Nullable header;
  /// In seconds: for a connection, with less than 1 KiB in each of them, and for all of it.
  long connect_limit, stall_limit, duration_limit;
  void *_Nullable context;
  /// A line of an answer's head. The answers before a redirection come too, each beginning with its status line.
  bool (*_Nonnull head)(void *_Nullable context, const char *_Nonnull line, size_t length);
  /// A part of the answer's body. false ends it.
  bool (*_Nonnull body)(void *_Nullable context, const void *_Nonnull bytes, size_t count);
};

/// What became of it.
enum ccurl_outcome {
  CCURL_DONE,
  /// head or body returned false.
  CCURL_ENDED,
  /// It was redirected to where it must not go.
  CCURL_REDIRECTED,
  /// The line broke, or could not be had; another try may do better.
  CCURL_BROKEN,
  /// The time is over, or nearly nothing came for too long.
  CCURL_STALLED,
  /// Nothing that another try changes.
  CCURL_FAILED,
  /// The library is not there.
  CCURL_MISSING,
};

/// - Parameter words: gets the reason, with a zero at its end.
enum ccurl_outcome ccurl_get(const struct ccurl_request *_Nonnull request, char *_Nonnull words, size_t room);
