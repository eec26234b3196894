# SPDX-License-Identifier: Apache-2.0
"""Contenders in turn on targets of their own: times, ratios within rounds, and the bars that they are held against."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

from commands import BenchError
from disks import GIB, LoopDevice, flush, make_sparse, read_through

DISK_SIZE = 4 * GIB

Kind = Literal["ours", "limit", "peer"]


@dataclass(frozen=True)
class Target:
    """What a contender writes to: a file, and where it wants one, a block device over it."""

    path: Path
    device: Path | None = None

    @property
    def disk(self) -> Path:
        return self.device or self.path

    def flush(self) -> None:
        if self.device:
            flush(self.device)
        flush(self.path)


@dataclass(frozen=True)
class Contender:
    """One way to do the work."""

    name: str
    kind: Kind
    work: Callable[..., None]  # is given its targets; timed, and the flush of the targets with it
    check: Callable[..., None] = lambda *targets: None  # is given its targets, after the flush
    prepare: Callable[[], None] = lambda: None
    sizes: tuple[int, ...] = (DISK_SIZE,)  # of its targets; 0 is a file that grows
    needs_device: bool = False
    inputs: tuple[Path, ...] = ()  # what it reads is in the page cache when it starts
    runs: int = sys.maxsize  # at most; for the slow ones
    keep: Path | None = None  # where its last result goes


@dataclass
class Result:
    """What was measured of a contender, by rounds."""

    name: str
    kind: Kind
    seconds: list[float] = field(default_factory=list)
    stored: int | None = None  # size in bytes of a result that is a file of its own

    @property
    def median(self) -> float:
        return median(self.seconds)

    def ratio(self, other: Result, less: float = 0) -> float:
        """Median over the rounds of (own time - less) / other's time."""
        return median((own - less) / their for own, their in zip(self.seconds, other.seconds))

    def excess(self, other: Result) -> float:
        """Median over the rounds of own time - other's time, in seconds."""
        return median(own - their for own, their in zip(self.seconds, other.seconds))


@dataclass(frozen=True)
class Bar:
    """What was promised beside what was measured."""

    promise: str
    measured: float
    sign: Literal["≤", "≥"]
    allowed: float
    unit: str

    @property
    def is_met(self) -> bool:
        return self.measured <= self.allowed if self.sign == "≤" else self.measured >= self.allowed


def race(title: str, contenders: Sequence[Contender], rounds: int, scratch: Path) -> list[Result]:
    """Runs contenders in turn, A B C A B C, so that what disturbs the machine disturbs all of them."""
    results = [Result(contender.name, contender.kind) for contender in contenders]
    for number in range(rounds):
        for contender, result in zip(contenders, results):
            if number < contender.runs:
                seconds = _run_once(contender, result, scratch)
                _tell(f"{title}, round {number + 1} of {rounds}: {contender.name}: {seconds:.2f} s")
    return results


def _run_once(contender: Contender, result: Result, scratch: Path) -> float:
    with _targets_of(contender, scratch) as targets:
        contender.prepare()
        for path in contender.inputs:
            read_through(path)
        os.sync()  # nothing that was written or freed before is left for the timed part
        try:
            started = time.perf_counter()
            contender.work(*targets)
            for target in targets:
                target.flush()
            seconds = time.perf_counter() - started
            contender.check(*targets)
        except BenchError as error:
            raise BenchError(f"{contender.name}: {error}") from error
        result.seconds.append(seconds)
        if contender.sizes == (0,):
            result.stored = targets[0].path.stat().st_size
        if contender.keep:
            targets[0].path.replace(contender.keep)
    return seconds


def peak_memory_of(contender: Contender, work: Callable[[Target], int], scratch: Path) -> int:
    """What `work`, which does the contender's work on its target, measures of it: memory in bytes."""
    with _targets_of(contender, scratch) as targets:
        contender.prepare()
        peak = work(targets[0])
        contender.check(*targets)
        return peak


@contextmanager
def _targets_of(contender: Contender, scratch: Path) -> Iterator[list[Target]]:
    """Fresh targets, which are gone afterwards."""
    paths = [scratch / f"target{number}.img" for number in range(len(contender.sizes))]
    try:
        with ExitStack() as stack:
            targets = []
            for path, size in zip(paths, contender.sizes):
                make_sparse(path, size)
                device = None
                if contender.needs_device:
                    device = stack.enter_context(LoopDevice(path, writable=True)).path
                targets.append(Target(path, device))
            yield targets
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
