# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md and its plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import plot
from machine import Machine
from report import Section, as_markdown

_HEAD = """\
# Benchmarks

`make bench` measures guestsmith against what a user would pick instead, in one run, on this disk: a sparse file of
4 GiB with the Debian that `create` installs by default. It needs root, and some 20 GiB below `.build/bench` (or
`--work DIR`). `scripts/bench create`, `dump`, `disks`, `images` or `sandbox` runs one part, `--runs N` sets the runs
(5), `--cold` adds creating with an empty cache, `--json FILE` keeps every single time, and `--write` wrote this file.
A part that was measured by itself on another day has its own line of the machine.

How it is measured:

- Contenders run in turn, A B C A B C, on fresh targets. What they read is in the page cache. Every time ends when the
  target is on the disk (fsync). All writes of the machine are flushed before each run.
- A ratio is the median over the rounds of the ratios within a round, so that what slows the machine for a while slows
  both sides of it. Times are medians, with the fastest and the slowest.
- The limit is the least that anybody would have to do: for create, copying the image with cp; for export and import,
  compressing and decompressing the used bytes alone.
- Every result of every run is checked, outside of the time: e2fsck(8) has to find nothing, and all files have to agree
  in type, mode, owner, links, time, contents and extended attributes with the original, but for those that configure
  the guest. ganeti-instance-debootstrap bootstraps a tree of its own, which has to be a Debian with a kernel and the
  name of the guest. Our dumps are also restored by `zstd -d` and `tar -xS` alone; of the dumps of other programs the
  last of each is restored and checked.
- Contenders that need a block device have a loop device over the file; attaching it is timed for dump(8) only.
- Memory is the largest resident set of guestsmith, or of a program that it runs, by GNU time.
"""

_CREATE = """\
mkfs, mount and untar is what ganeti-instance-debootstrap does, here with the tree of our image.
ganeti-instance-debootstrap itself is Debian's package, called by the environment of API 20, with the same packages in
its cache, but for systemd-resolved, which it can't install.
"""

_DUMP = """\
dd restores with `conv=sparse`, which is right on a new file only. Sizes are those of the dumps. Bars of more than
12 times the limit are cut.
"""


_SANDBOX = """\
The same work with `sandbox = "off"`, where all is done by one process, and with `"auto"`, where workers and tools are
confined. The bar is the median over the rounds of the difference within a round.
"""


def write(folder: Path, machine: Machine, sections: Sequence[Section]) -> None:
    """Replaces the document and its plots."""
    folder.mkdir(exist_ok=True)
    parts = [_HEAD, f"Measured {machine}.\n"]
    for section in sections:
        parts.append(f"## {section.title}\n")
        if section.title == "Sandbox":
            parts.append(_SANDBOX)
        words = {"Create": _CREATE, "Dump": _DUMP}
        if section.title in words:
            name = f"benchmarks-{section.title.lower()}.svg"
            (folder / name).write_text(plot.svg([table for table in section.tables if table.limit]))
            parts += [f"![Seconds of each contender]({name})\n", words[section.title]]
        parts.append(as_markdown(section) + "\n")
    (folder / "benchmarks.md").write_text("\n".join(parts))
