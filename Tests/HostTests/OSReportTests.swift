// SPDX-License-Identifier: Apache-2.0
import Host
import Report
import TestSupport
import Testing

@Suite struct OSReportTests {
  /// Definitions of both kinds of host, good and bad ones, and copies behind others.
  private func define(in folder: Scratch) throws -> Inventory {
    try folder.define("os10")
    try folder.define("os2")
    try folder.define("broken")
    try shell("rm '\(folder("os/broken/create"))'")
    try folder.define(
      "image", version: "20\n15\n",
      files: ["variants.list": "a\nb\n", "parameters.list": "size The size\nlang The language\n"])
    try folder.define("noop", version: "20\n", files: ["parameters.list": ""])
    try folder.define("late", version: "10\n")
    try shell("rm '\(folder("os/late/import"))'")
    try folder.define("os2", in: "more")
    try folder.define("os2", in: "last", version: "x\n")
    return folder.inventory("os", "more", "last")
  }

  @Test("the list is that of gnt-os: valid names and variants, numbers sorted as numbers") func listGntOs() throws {
    try withScratch { folder in
      let inventory = try define(in: folder)
      #expect(inventory.list(headers: true) == ["Name", "image+a", "image+b", "noop", "os2", "os10"])
      #expect(inventory.list(headers: false).first == "image+a")
    }
  }

  @Test("the diagnosis is that of gnt-os, valid ones first, with hidden copies") func diagnosisGntOs() throws {
    try withScratch { folder in
      let text = try define(in: folder).diagnosis(node: "node1").joined(separator: "\n")
        .replacing(folder.path, with: "")
      #expect(
        text == """
          OS: image [global status: valid]
            Variants: [a, b]
            Node: node1, status: valid (path: /os/image) [API versions: 20, 15] [variants: a, b] \
          [parameters: size, lang] [trusted]

          OS: noop [global status: valid]
            Node: node1, status: valid (path: /os/noop) [API versions: 20] [no variants] [no parameters] [trusted]

          OS: os2 [global status: valid]
            Node: node1, status: VALID (path: /os/os2) [API versions: 5]
              [hidden] path: /more/os2, status: VALID
              [hidden] path: /last/os2, status: API version is not integer (invalid literal for int() with base 10: 'x')

          OS: os10 [global status: valid]
            Node: node1, status: VALID (path: /os/os10) [API versions: 5]

          OS: broken [global status: invalid]
            Node: node1, status: 'create' script missing (ENOENT) (path: /os/broken)

          OS: late [global status: invalid]
            Node: node1, status: invalid - File 'import' under path '/os/late' is missing (ENOENT) (path: /os/late) \
          [no API versions declared] [trusted]

          """)
    }
  }

  @Test("a bad copy behind a good one is not a fault") func badCopyBehind() throws {
    try withScratch { folder in
      try folder.define("one")
      try folder.define("one", in: "more", version: "x\n")
      #expect(!folder.inventory("os", "more").hasFaults)
      #expect(folder.inventory("more", "os").hasFaults)
      #expect(!folder.inventory("missing").hasFaults)
    }
  }

  @Test("machines get the same as JSON that others can read") func machinesGetSame() throws {
    try withScratch { folder in
      let inventory = try define(in: folder)
      try folder.write(inventory.listJSON().serialized(), to: "list.json")
      try folder.write(inventory.diagnosisJSON(node: "node1").serialized(), to: "diagnosis.json")
      let query = """
        import json
        print([(e["name"], e["os"], e["variant"], e["api_versions"]) for e in json.load(open("list.json"))][:3])
        for e in json.load(open("diagnosis.json"))["definitions"]:
          print(e["name"], e["status"], e["used"]["fault"], [h["valid"] for h in e["hidden"]])
        """
      try folder.write(query, to: "query.py")
      #expect(
        try shell("cd '\(folder.path)'; python3 query.py").replacing(folder.path, with: "") == """
          [('image+a', 'image', 'a', [20, 15]), ('image+b', 'image', 'b', [20, 15]), ('noop', 'noop', None, [20])]
          image valid None []
          noop valid None []
          os2 valid None [True, False]
          os10 valid None []
          broken invalid 'create' script missing (ENOENT) []
          late invalid File 'import' under path '/os/late' is missing (ENOENT) []
          """)
    }
  }
}
