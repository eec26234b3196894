// SPDX-License-Identifier: Apache-2.0
#include "CCurl.h"
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#if LIBCURL_VERSION_NUM < 0x075500
#define CURLOPT_PROTOCOLS_STR ((CURLoption)(CURLOPTTYPE_OBJECTPOINT + 318))
#define CURLOPT_REDIR_PROTOCOLS_STR ((CURLoption)(CURLOPTTYPE_OBJECTPOINT + 319))
#endif

static struct {
  __typeof__(&curl_global_init) global_init;
  __typeof__(&curl_easy_init) init;
  // These macros of curl's headers have the functions' names.
  CURLcode (*setopt)(CURL *, CURLoption, ...);
  __typeof__(&curl_easy_perform) perform;
  __typeof__(&curl_easy_cleanup) cleanup;
  __typeof__(&curl_easy_strerror) strerror;
  __typeof__(&curl_slist_append) append;
  __typeof__(&curl_slist_free_all) free_all;
  bool there;
} curl;

static void load(void) {
  void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
  *(void **)&curl.global_init = dlsym(library, "curl_global_init");
  *(void **)&curl.init = dlsym(library, "curl_easy_init");
  *(void **)&curl.setopt = dlsym(library, "curl_easy_setopt");
  *(void **)&curl.perform = dlsym(library, "curl_easy_perform");
  *(void **)&curl.cleanup = dlsym(library, "curl_easy_cleanup");
  *(void **)&curl.strerror = dlsym(library, "curl_easy_strerror");
  *(void **)&curl.append = dlsym(library, "curl_slist_append");
  *(void **)&curl.free_all = dlsym(library, "curl_slist_free_all");
  curl.there = curl.global_init && curl.init && curl.setopt && curl.perform && curl.cleanup && curl.strerror &&
               curl.append && curl.free_all && curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static size_t take_head(char *bytes, size_t size, size_t count, void *context) {
  const struct ccurl_request *request = context;
  return request->head(request->context, bytes, size * count) ? size * count : 0;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
  const struct ccurl_request *request = context;
  // Anything but the count ends it; of nothing the count is 0 too.
  return request->body(request->context, bytes, size * count) ? size * count : size * count + 1;
}

static enum ccurl_outcome outcome(CURLcode code) {
  switch (code) {
    case CURLE_OK: return CCURL_DONE;
    case CURLE_WRITE_ERROR: return CCURL_ENDED;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS: return CCURL_REDIRECTED;
    case CURLE_OPERATION_TIMEDOUT: return CCURL_STALLED;
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return CCURL_BROKEN;
    default: return CCURL_FAILED;
  }
}

// What it may speak, and what it may be redirected to.
static CURLcode set_protocols(CURL *handle, bool leaves_tls) {
  CURLcode code = (curl.setopt)(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  if (code == CURLE_OK)
    code = (curl.setopt)(handle, CURLOPT_REDIR_PROTOCOLS_STR, leaves_tls ? "http,https" : "https");
  // Before 7.85 (Ubuntu 22.04) it knows them by their bits only: CURLOPT_PROTOCOLS and CURLOPT_REDIR_PROTOCOLS, which later
  // headers call deprecated, by CURLPROTO_HTTP and CURLPROTO_HTTPS.
  if (code != CURLE_UNKNOWN_OPTION) return code;
  code = (curl.setopt)(handle, (CURLoption)(CURLOPTTYPE_LONG + 181), 1L | 2L);
  if (code == CURLE_OK)
    code = (curl.setopt)(handle, (CURLoption)(CURLOPTTYPE_LONG + 182), leaves_tls ? 1L | 2L : 2L);
  return code;
}

enum ccurl_outcome ccurl_get(const struct ccurl_request *request, char *words, size_t room) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  if (!curl.there) return CCURL_MISSING;
  char details[CURL_ERROR_SIZE] = "";
  CURL *handle = curl.init();
  struct curl_slist *headers = request->header ? curl.append(NULL, request->header) : NULL;
  if (!handle || (request->header && !headers)) {
    if (handle) curl.cleanup(handle);
    snprintf(words, room, "no memory");
    return CCURL_FAILED;
  }
  CURLcode code = CURLE_OK;
#define SET(option, value) \
  if (code == CURLE_OK) code = (curl.setopt)(handle, option, value)
  SET(CURLOPT_ERRORBUFFER, details);
  SET(CURLOPT_URL, request->url);
  if (code == CURLE_OK) code = set_protocols(handle, request->leaves_tls);
  SET(CURLOPT_FOLLOWLOCATION, 1L);
  SET(CURLOPT_MAXREDIRS, 10L);
  SET(CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_USERAGENT, "guestsmith");
  SET(CURLOPT_CONNECTTIMEOUT, request->connect_limit);
  SET(CURLOPT_LOW_SPEED_LIMIT, 1024L);
  SET(CURLOPT_LOW_SPEED_TIME, request->stall_limit);
  SET(CURLOPT_TIMEOUT, request->duration_limit);
  SET(CURLOPT_HEADERFUNCTION, take_head);
  SET(CURLOPT_HEADERDATA, (void *)request);
  SET(CURLOPT_WRITEFUNCTION, take_body);
  SET(CURLOPT_WRITEDATA, (void *)request);
  if (request->range) SET(CURLOPT_RANGE, request->range);
  if (headers) SET(CURLOPT_HTTPHEADER, headers);
#undef SET
  if (code == CURLE_OK) code = curl.perform(handle);
  snprintf(words, room, "%s", details[0] ? details : curl.strerror(code));
  curl.cleanup(handle);
  if (headers) curl.free_all(headers);
  return outcome(code);
}
