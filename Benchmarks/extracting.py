# SPDX-License-Identifier: Apache-2.0
"""Taking one small file out of a large dump, without restoring it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from commands import BenchError, run
from disks import GIB, MIB, LoopDevice, mounted
from guestsmith import PROGRAM, Definition
from race import Bar, Contender, race
from report import Section

_FILE = "etc/debian_version"


def measure(definition: Definition, disk: Path, rounds: int, scratch: Path) -> Section:
    """The dump is of the guest on `disk`, with so many random bytes added that 2 GiB are stored."""
    dump, folder = scratch / "stored.dump", scratch / "extracted"
    wanted = _prepare(definition, disk, dump, scratch)

    def check() -> None:
        if (folder / Path(_FILE).name).read_bytes() != wanted:
            raise BenchError(f"{_FILE} is not what it is in the guest")
        shutil.rmtree(folder)

    extract = Contender(
        "guestsmith dump extract",
        "ours",
        lambda: run([PROGRAM, "dump", "extract", dump, f"/{_FILE}", "--to", folder]),
        check,
        prepare=folder.mkdir,
        sizes=(),
    )
    results = race("extract", [extract], rounds, scratch)
    dump.unlink()
    section = Section("Extract")
    section.add(f"One file of {len(wanted)} bytes out of a dump of 2 GiB", results, results[0])
    section.bars.append(Bar("dump extract of one small file", results[0].median, "≤", 0.1, "s"))
    return section


def _prepare(definition: Definition, disk: Path, dump: Path, scratch: Path) -> bytes:
    """Writes the dump; what the file in it holds."""
    full = scratch / "full.img"
    run(["cp", "--sparse=always", disk, full])
    run(definition.export(disk), sink=dump)
    missing = 2 * GIB - dump.stat().st_size
    with LoopDevice(full, writable=True) as loop, mounted(loop.path, scratch / "full", "rw") as tree:
        with (tree / "srv/random").open("wb") as file:
            for _ in range(missing // MIB):
                file.write(os.urandom(MIB))
        wanted = (tree / _FILE).read_bytes()
    run(definition.export(full), sink=dump)
    full.unlink()
    return wanted
