# SPDX-License-Identifier: Apache-2.0
"""Dumps of one guest on two days in repositories that look for what they have already."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from commands import BenchError, run, tool_environment
from disks import MIB, LoopDevice, check_filesystem, mounted
from guestsmith import PROGRAM, Definition
from report import Row, Section, Sizes

_CHANGED = 16 * MIB
_FINE = ["--chunker-params", "buzhash,15,19,17,4095"]


@dataclass(frozen=True)
class _Kept:
    repository: str
    form: str
    first: int  # bytes of the repository after the first dump
    added: int  # by the second one

    @property
    def row(self) -> Row:
        return (self.repository, self.form, f"{self.first / MIB:.0f} MiB", f"{self.added / MIB:.0f} MiB")


def measure(definition: Definition, disk: Path, scratch: Path) -> Section:
    """Sizes only: how long a repository takes is its own matter."""
    before, after = scratch / "before.img", scratch / "after.img"
    for copy in (before, after):
        run(["cp", "--sparse=always", disk, copy])
    files = _live_a_day(after, scratch)
    check_filesystem(after)
    results = list(_keep_all(definition, (before, after), scratch))
    section = Section("Backups of two days")
    title = f"Repositories, {files} files of {_CHANGED // MIB} MiB changed between the dumps, and a MiB of log"
    section.tables.append(Sizes(title, ("repository", "dump", "after the first", "added by the second"), results))
    for path in (before, after):
        path.unlink()
    return section


def _live_a_day(disk: Path, scratch: Path) -> int:
    """Replaces files as an upgrade does, by contents that hardly compress, and writes a log; how many files."""
    chance = random.Random(5)
    with LoopDevice(disk, writable=True) as loop, mounted(loop.path, scratch / "day", "rw") as tree:
        found = (path for path in (tree / "usr").rglob("*") if path.is_file() and not path.is_symlink())
        files = sorted(path for path in found if 4096 < path.stat().st_size < 4 * MIB)
        chance.shuffle(files)
        changed, count = 0, 0
        for path in files:
            if changed > _CHANGED:
                break
            size = path.stat().st_size
            # Most of what is upgraded are programs and libraries.
            if size < 100_000 and chance.random() < 0.6:
                continue
            new = path.with_name(path.name + ".new")
            new.write_bytes(os.urandom(size))
            new.rename(path)
            changed, count = changed + size, count + 1
        with (tree / "var/log/syslog").open("a") as log:
            for line in range(9000):
                session = chance.getrandbits(40)
                time = f"00:{line // 60 % 60:02}:{line % 60:02}"
                log.write(f"Nov 27 {time} vm1 systemd[1]: Started number {line} of the day, session {session:x}.\n")
    return count


def _keep_all(definition: Definition, disks: tuple[Path, Path], scratch: Path) -> Iterator[_Kept]:
    settings = definition.folder / "guestsmith.toml"
    usual = settings.read_text()
    dumps = (scratch / "first.dump", scratch / "second.dump")
    for form in ("zstd", "none"):
        settings.write_text(f'{usual}compression = "{form}"\n')
        for disk, dump in zip(disks, dumps):
            run(definition.export(disk), sink=dump)
            run([PROGRAM, "dump", "verify", "--quiet", dump])
        yield from _keep(form, dumps, scratch)
    settings.write_text(usual)
    if shutil.which("partclone.ext4"):
        for disk, dump in zip(disks, dumps):
            dump.unlink()
            run(["partclone.ext4", "-c", "-s", disk, "-o", dump, "-L", scratch / "partclone.log", "-q"])
        yield from _keep("partclone", dumps, scratch)
    for dump in dumps:
        dump.unlink()


def _keep(form: str, dumps: tuple[Path, Path], scratch: Path) -> Iterator[_Kept]:
    folder = scratch / "repository"
    environment = tool_environment(
        RESTIC_PASSWORD="x", RESTIC_REPOSITORY=folder, BORG_REPO=folder, HOME=scratch,
        BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes",
    )
    restic = ["restic", "-q"]
    borg = ["borg", "create", "-C", "zstd,1"]
    for name, start, keep in (
        ("restic", [*restic, "init"], lambda _: [*restic, "backup", "--stdin"]),
        ("borg", ["borg", "init", "-e", "none"], lambda day: [*borg, f"::{day}", "-"]),
        ("borg, `buzhash,15,19,17`", ["borg", "init", "-e", "none"], lambda day: [*borg, *_FINE, f"::{day}", "-"]),
    ):
        shutil.rmtree(folder, ignore_errors=True)
        run(start, environment=environment)
        sizes = []
        for day, dump in enumerate(dumps):
            run(keep(day), source=dump, environment=environment)
            sizes.append(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
        if sizes[0] >= sizes[1]:
            raise BenchError(f"{name} has not kept the second dump")
        yield _Kept(name, form, sizes[0], sizes[1] - sizes[0])
    shutil.rmtree(folder)
