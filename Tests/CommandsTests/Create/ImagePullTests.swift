// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

/// `image pull`, over a server on loopback.
@Suite struct ImagePullTests {
  /// A disk with an ext4 in a partition, of which `word` decides the bytes.
  private func publish(_ word: String, _ scratch: Scratch) throws {
    try scratch.write("\(word)\n", to: "tree/etc/os-release")
    try scratch.folder("www")
    try shell(
      """
      cd '\(scratch.path)'; rm -f raw; truncate -s 40M raw
      printf 'label: gpt\\n1: start=2048 size=65536 type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\\n' | /sbin/sfdisk -q raw
      mke2fs -q -F -t ext4 -d tree -E offset=1048576 raw 32768k
      qemu-img convert -f raw -O qcow2 -c raw www/a.qcow2
      cd www; sha256sum a.qcow2 > SUMS
      """)
  }

  private func run(_ arguments: String, in scratch: Scratch, _ environment: [String: String] = [:]) throws -> Outcome {
    try bash("'\(program)' image \(arguments) --config '\(scratch.path)'", environment: environment)
  }

  private func configure(_ scratch: Scratch, host: String, more: String = "") throws {
    try scratch.write(
      """
      cache = "\(scratch("cache"))"
      image = "http://\(host)/a.qcow2"
      sums = "http://\(host)/SUMS"
      \(more)\(sandboxLine)
      """, to: "guestsmith.toml")
  }

  @Test(
    "A layout that umoci made becomes an image; with the layer that umoci insert adds, which lacks its end, it does not"
  )
  func layout() throws {
    try withScratch { scratch in
      try shell(
        """
        cd '\(scratch.path)'
        umoci init --layout whole
        umoci new --image whole:latest
        umoci unpack --rootless --image whole:latest bundle
        mkdir -p bundle/rootfs/etc
        echo root:x:0:0::/root:/bin/sh >bundle/rootfs/etc/passwd
        umoci repack --image whole:latest bundle
        cp -r whole inserted
        umoci insert --rootless --image inserted:latest bundle/rootfs/etc/passwd /etc/added
        """)
      for layout in ["whole", "inserted"] {
        try scratch.write(
          """
          cache = "\(scratch("cache-\(layout)"))"
          image = "\(scratch(layout))"
          format = "oci"
          verify = "none"
          \(sandboxLine)
          """, to: "guestsmith.toml")
        let pulled = try run("pull --json", in: scratch)
        guard layout == "whole" else {
          #expect(pulled.status == Failure.Code.guest.rawValue, "\(pulled)")
          #expect(pulled.errors.contains("/inserted (layer sha256:"), "\(pulled)")
          #expect(pulled.errors.contains("Truncated input file"), "\(pulled)")
          #expect(try shell("ls '\(scratch("cache-inserted/images"))'") == "")
          continue
        }
        #expect(pulled.status == 0, "\(pulled)")
        let image = try #require(JSON(parsing: pulled.bytes)["path"]?.string)
        #expect(try shell("debugfs -R 'cat /etc/passwd' '\(image)' 2>/dev/null") == "root:x:0:0::/root:/bin/sh")
        #expect(try problems(of: image) == nil)
      }
    }
  }

  @Test("An image is fetched once for each digest, and what fails leaves the old one in use, with a note")
  func once() throws {
    try withScratch { scratch in
      try publish("one", scratch)
      let server = try TestServer(of: scratch("www"), in: scratch)
      try configure(scratch, host: "127.0.0.1:\(server.port)")
      let first = try run("pull --json", in: scratch)
      #expect(first.status == 0, "\(first)")
      let made = try JSON(parsing: first.bytes)
      #expect(made["fetched"] == true)
      #expect(try run("pull --json", in: scratch).output.contains("\"fetched\": false"))
      #expect(try server.requests() == ["/SUMS", "/a.qcow2", "/SUMS"])
      let image = try #require(made["path"]?.string)
      #expect(try shell("cmp '\(image)' '\(scratch("raw"))'") == "")
      #expect(try run("verify", in: scratch).status == 0)

      let digest = try shell("cut -d ' ' -f 1 '\(scratch("www/SUMS"))'")
      let listed = try JSON(parsing: run("list --json", in: scratch).bytes).array?.first
      #expect(listed?["source"] == .string("http://127.0.0.1:\(server.port)/a.qcow2"))
      #expect(listed?["digest"] == .string("sha256:\(digest)"))
      #expect(listed?["verified_by"] == "sums" && listed?["signer"] == .null)
      #expect(try run("list", in: scratch).output.contains("sums, sha256:\(digest.prefix(12))"))
      let shown = try run("show \(made["key"]?.string ?? "")", in: scratch)
      #expect(shown.output.contains("sha256:\(digest)") && shown.output.contains("ext4"), "\(shown)")

      try publish("two", scratch)
      let second = try JSON(parsing: run("pull --json", in: scratch).bytes)
      #expect(second["fetched"] == true && second["key"] != made["key"])
      try scratch.write("changed", to: "www/a.qcow2")
      try shell("cd '\(scratch("www"))'; echo other | sha256sum | sed 's/-/a.qcow2/' > SUMS")
      let third = try run("pull --json", in: scratch)
      #expect(third.status == 0 && third.errors.contains("is not what was published"), "\(third)")
      #expect(try JSON(parsing: third.bytes)["key"] == second["key"])
      #expect(try shell("ls '\(scratch("cache/tmp"))'") == "")
    }
  }

  @Test("What a timer calls fetches anew what is in the cache and too old, and nothing else") func refreshed() throws {
    try withScratch { scratch in
      try publish("one", scratch)
      let server = try TestServer(of: scratch("www"), in: scratch)
      let host = "127.0.0.1:\(server.port)"
      try scratch.write(
        "cache = \"\(scratch("cache"))\"\nimage_max_age_days = 7\n\(sandboxLine)", to: "guestsmith.toml")
      for name in ["a", "b"] {
        try scratch.write(
          "image = \"http://\(host)/\(name).qcow2\"\nsums = \"http://\(host)/SUMS\"\n", to: "variants/\(name).toml")
      }
      let timer = "build --all --if-older --json"
      #expect(try JSON(parsing: run(timer, in: scratch).bytes) == [])
      let first = try JSON(parsing: run("pull --variant a --json", in: scratch).bytes)
      try publish("two", scratch)
      #expect(try JSON(parsing: run(timer, in: scratch).bytes) == [])
      #expect(try server.requests() == ["/SUMS", "/a.qcow2"])

      let age = "sed -i 's/\"20[0-9]*-/\"2020-/' '\(scratch("cache"))'/pins/*"
      try shell(age)
      let second = try run(timer, in: scratch)
      let made = try JSON(parsing: second.bytes).array
      #expect(second.status == 0 && made?.count == 1 && made?.first?["built"] == true, "\(second)")
      #expect(made?.first?["key"] != first["key"])
      #expect(try server.requests().count == 4)

      // Of all variants one that can't be had is told, and is the exit status.
      let all = try run("build --all --json --variant a", in: scratch)
      #expect(all.status == Failure.Code.usage.rawValue, "\(all)")
      try scratch.write("image = \"/nowhere\"\nformat = \"raw\"\n", to: "variants/b.toml")
      try shell(age)
      let third = try run(timer, in: scratch)
      #expect(third.status == Failure.Code.invalid.rawValue && third.errors.contains("variant b: "), "\(third)")
      #expect(try JSON(parsing: third.bytes).array?.count == 1)
      try scratch.write(
        "suite = \"noble\"\nmirror = \"http://\(host)/u\"\nkeyring = \"/no/keys\"\n", to: "variants/b.toml")
      let fourth = try run(timer, in: scratch)
      #expect(fourth.status == 0 && fourth.errors.contains("variant b, left out: "), "\(fourth)")
    }
  }

  @Test("A login of .netrc and a proxy are used, and no login is shown")
  func loginAndProxy() throws {
    try withScratch { scratch in
      try publish("one", scratch)
      let server = try TestServer(of: scratch("www"), in: scratch, login: "user:secret")
      try scratch.write("machine 127.0.0.1 login user password secret\n", to: ".netrc", mode: 0o600)
      try configure(scratch, host: "127.0.0.1:\(server.port)")
      let refused = try run("pull", in: scratch)
      #expect(refused.status == Failure.Code.io.rawValue && refused.errors.contains("401"), "\(refused)")
      let home = try run("pull", in: scratch, ["HOME": scratch.path])
      #expect(home.status == 0, "\(home)")

      let open = try TestServer(of: scratch("www"), in: scratch)
      try configure(scratch, host: "user:hidden@images.example")
      let proxied = try run("pull --json", in: scratch, ["http_proxy": "http://127.0.0.1:\(open.port)"])
      #expect(proxied.status == 0, "\(proxied)")
      #expect(try open.requests() == ["http://images.example/SUMS"])
      let outcomes = try [
        proxied, run("list", in: scratch),
        run("show \(try JSON(parsing: proxied.bytes)["key"]?.string ?? "")", in: scratch),
      ]
      #expect(!outcomes.contains { "\($0)".contains("hidden") || "\($0)".contains("secret") }, "\(outcomes)")
    }
  }

  /// A libcurl that does not know protocols by their names, as those before 7.85.
  private func oldCurl(_ scratch: Scratch) throws -> String {
    try scratch.write(
      """
      #define _GNU_SOURCE
      #include <dlfcn.h>
      #include <stdarg.h>
      static void *real(const char *name) {
        static void *library;
        if (!library) library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
        return dlsym(library, name);
      }
      int curl_easy_setopt(void *handle, int option, ...) {
        va_list list;
        va_start(list, option);
        void *value = va_arg(list, void *);
        va_end(list);
        if (option == 10318 || option == 10319) return 48;
        return ((int (*)(void *, int, ...))real("curl_easy_setopt"))(handle, option, value);
      }
      int curl_global_init(long flags) { return ((int (*)(long))real(__func__))(flags); }
      void *curl_easy_init(void) { return ((void *(*)(void))real(__func__))(); }
      int curl_easy_perform(void *handle) { return ((int (*)(void *))real(__func__))(handle); }
      void curl_easy_cleanup(void *handle) { ((void (*)(void *))real(__func__))(handle); }
      const char *curl_easy_strerror(int code) { return ((const char *(*)(int))real(__func__))(code); }
      void *curl_slist_append(void *list, const char *text) {
        return ((void *(*)(void *, const char *))real(__func__))(list, text);
      }
      void curl_slist_free_all(void *list) { ((void (*)(void *))real(__func__))(list); }
      """, to: "old/curl.c")
    try shell(
      """
      cd '\(scratch("old"))'; real=$(/sbin/ldconfig -p | sed -n 's/.*libcurl\\.so\\.4 .*=> //p' | head -n 1)
      clang -shared -fPIC -DREAL="\\"$real\\"" -o libcurl.so.4 curl.c
      """)
    return scratch("old")
  }

  @Test(
    "A server of https leads to http only where the file is verified by more than the connection, whatever libcurl's age",
    .enabled(if: isRoot, "needs root"), arguments: [false, true])
  func leavingTLS(isOld: Bool) throws {
    try withScratch { scratch in
      try publish("one", scratch)
      let libraries = try isOld ? "LD_LIBRARY_PATH=\(oldCurl(scratch))" : ""
      let authority = try TestAuthority(in: scratch)
      let server = try TestServer(of: scratch("www"), in: scratch, tls: authority)
      let plain = try TestServer(of: scratch("www"), in: scratch)
      let secure = "https://127.0.0.1:\(server.port)"
      let digest = try shell("sha256sum < '\(scratch("www/a.qcow2"))' | cut -d ' ' -f 1")
      for (image, trust, isTaken) in [
        ("\(secure)/a.qcow2", "verify = \"none\"", true),
        ("\(secure)/to/127.0.0.1:\(plain.port)/a.qcow2", "verify = \"none\"", false),
        ("\(secure)/to/127.0.0.1:\(plain.port)/a.qcow2", "digest = \"sha256:\(digest)\"", true),
      ] {
        try scratch.write(
          "cache = \"\(scratch("cache"))\"\nimage = \"\(image)\"\n\(trust)\n\(sandboxLine)", to: "guestsmith.toml")
        try shell("rm -rf '\(scratch("cache"))'")
        let outcome = try bash(
          """
          LIBRARIES="\(libraries)" unshare --mount sh -c 'mount --bind "\(authority.certificate)" /etc/ssl/certs/ca-certificates.crt
            exec env $LIBRARIES "\(program)" image pull --config "\(scratch.path)"'
          """)
        #expect((outcome.status == 0) == isTaken, "\(image), \(trust): \(outcome)")
        #expect(isTaken || outcome.errors.contains("redirects to http://127.0.0.1:"), "\(outcome)")
      }
      #expect(try plain.requests() == ["/a.qcow2"])
    }
  }

  @Test(
    "A configuration that says too little of an image is refused before anything is fetched",
    arguments: [
      ("image = \"/a.img\"\nverify = \"none\"", "does not tell how the image is in it"),
      ("image = \"/a.qcow2\"", "nothing tells whether the image is what its publisher made"),
      ("image = \"/a.qcow2\"\nverify = \"none\"\nsums = \"/SUMS\"", "sums says nothing beside verify"),
      ("sums = \"/SUMS\"", "sums is set without image"), ("image = \"ftp://h/a.qcow2\"", "image"),
      ("image = \"/a.iso\"\nformat = \"iso\"", "format"),
      ("suite = \"bookworm\"", "the configuration names no image"),
    ])
  func faults(text: String, words: String) throws {
    try withScratch { scratch in
      try scratch.write("cache = \"\(scratch("cache"))\"\n\(text)\n", to: "guestsmith.toml")
      let outcome = try run("pull", in: scratch)
      #expect(outcome.status == Failure.Code.invalid.rawValue && outcome.errors.contains(words), "\(outcome)")
    }
  }
}
