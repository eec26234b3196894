# SPDX-License-Identifier: Apache-2.0
"""The machine that the numbers are of."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from disks import GIB


@dataclass(frozen=True)
class Machine:
    """What a reader has to know to judge the numbers; no names of hosts."""

    date: str
    cores: int
    processor: str
    memory_gib: float
    kernel: str
    system: str
    filesystem: str
    load: float  # of the minute before the benchmark

    @classmethod
    def here(cls, work: Path) -> Machine:
        return cls(
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            cores=os.cpu_count() or 1,
            processor=_value("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.machine(),
            memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB,
            kernel=platform.release().split("-")[0],
            system=platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"),
            filesystem=_filesystem_of(work),
            load=os.getloadavg()[0],
        )

    def __str__(self) -> str:
        return (
            f"{self.date}: {self.cores} cores ({self.processor}), {self.memory_gib:.0f} GiB of memory, {self.system},"
            f" kernel {self.kernel}, {self.filesystem}; load {self.load:.1f} before the run"
        )


def _value(file: str, pattern: str) -> str | None:
    found = re.search(pattern, Path(file).read_text())
    return found[1].strip() if found else None


def _filesystem_of(folder: Path) -> str:
    """Type of the filesystem that is mounted on the nearest folder above."""
    types: dict[Path, str] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, source = line.partition(" - ")
        types[Path(fields.split()[4])] = source.split()[0]
    return next(types[path] for path in [folder, *folder.parents] if path in types)
