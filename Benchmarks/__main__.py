# SPDX-License-Identifier: Apache-2.0
"""Measures guestsmith against what a user would pick instead; `scripts/bench` calls it."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import cold
import document
import extracting
import keeping
from commands import BenchError, run
from confining import Confining
from creating import Creating
from disks import make_sparse, unmount_below
from dumping import Dumping
from guestsmith import Definition, GoldenImage
from images import Images
from machine import Machine
from race import DISK_SIZE
from report import Section, as_json, as_text
from whole import WholeDisks

_PROJECT = Path(__file__).resolve().parent.parent


def main() -> int:
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        options.work.mkdir(parents=True, exist_ok=True)
        with _only_one(options.work), _scratch_in(options.work) as scratch:
            machine = Machine.here(options.work)
            sections = _measure(options, scratch)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        number = interrupt.args[0] if interrupt.args else signal.SIGINT
        print(f"bench: ended by {signal.Signals(number).name}", file=sys.stderr)
        return 128 + number
    print(f"\n{machine}\n\n{as_text(sections)}")
    if options.json:
        options.json.write_text(
            json.dumps({"machine": asdict(machine), "sections": as_json(sections)}, indent=2) + "\n"
        )
    if options.write:
        document.write(_PROJECT / "docs", machine, sections)
    return 0


def _interrupt(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Measures guestsmith against what a user would pick instead.",
    )
    parts = ["create", "dump", "disks", "images", "sandbox", "all"]
    parser.add_argument("what", nargs="?", choices=parts, default="all", help="default: all")
    parser.add_argument(
        "--runs", type=int, default=5, metavar="N", help="runs of each contender (5); slow ones have fewer"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=_PROJECT / ".build/bench",
        metavar="DIR",
        help="where disks and caches are made (.build/bench), on the filesystem to be measured; 20 GiB",
    )
    parser.add_argument("--cold", action="store_true", help="measure creating with an empty cache, too: minutes a run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times to FILE")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its plots; needs all")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs has to be at least 1")
    if options.write and options.what != "all":
        parser.error("--write needs all")
    if options.cold and options.what not in ("create", "all"):
        parser.error("--cold is about create")
    options.work = options.work.resolve()
    return options


def _measure(options: argparse.Namespace, scratch: Path) -> list[Section]:
    definition = Definition.install(scratch / "os", options.work / "cache")
    disk = scratch / "guest.img"
    make_sparse(disk, DISK_SIZE)
    definition.renew_swap()
    print("create the guest that is measured; with an empty cache it is bootstrapped first", file=sys.stderr)
    run(definition.create(disk), environment=dict(os.environ))
    golden = GoldenImage.of_guest(disk, definition, scratch)
    sections = []
    if options.what in ("create", "all"):
        sections.append(Creating.prepare(definition, golden, options.work, scratch).measure(options.runs))
    if options.cold:
        without_cache = Definition.install(scratch / "os-cold", scratch / "cache-cold")
        sections.append(cold.measure(without_cache, golden, min(options.runs, 2), scratch))
    if options.what in ("dump", "all"):
        sections.append(Dumping.prepare(definition, disk, scratch).measure(options.runs))
        sections.append(extracting.measure(definition, disk, options.runs, scratch))
        sections.append(keeping.measure(definition, disk, scratch))
    if options.what in ("disks", "images", "all"):
        whole = WholeDisks.prepare(definition, golden, options.work, scratch)
        if options.what != "images":
            sections.append(whole.measure(options.runs))
        if options.what != "disks":
            sections.append(Images.prepare(whole, scratch).measure(options.runs))
    if options.what in ("sandbox", "all"):
        confining = Confining.prepare(golden, disk, options.work / "cache", scratch)
        sections.append(confining.measure(options.runs))
    return sections


@contextmanager
def _only_one(work: Path) -> Iterator[None]:
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError(f"another benchmark is running in {work}") from None
        # Its folder stayed if the one before was killed.
        for left in work.glob("scratch-*"):
            shutil.rmtree(left)
        yield


@contextmanager
def _scratch_in(work: Path) -> Iterator[Path]:
    scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=work))
    os.environ["TMPDIR"] = str(scratch)
    try:
        yield scratch
    finally:
        unmount_below(scratch)
        shutil.rmtree(scratch)


sys.exit(main())
