# SPDX-License-Identifier: Apache-2.0
"""Guests of a published disk: fetched and created, against what a user would pick instead."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from commands import BenchError, output_of, peak_memory, run, run_together
from disks import GIB, MIB, LoopDevice, mounted
from guestsmith import GUEST, PROGRAM, Definition
from race import Bar, Contender, Target, peak_memory_of, race
from report import Section
from whole import WholeDisks, root_offset

_TOGETHER = 16
_SEED = {
    "meta-data": f"instance-id: bench\nlocal-hostname: {GUEST}\n",
    "user-data": "#cloud-config\n",
    "network-config": "version: 2\nethernets: {}\n",
}


@dataclass(frozen=True)
class Images:
    """A whole disk as a publisher has it, in a file of qcow2, and a definition that makes guests of it."""

    whole: WholeDisks
    scratch: Path
    qcow2: Path
    raw: Path
    definition: Definition

    @classmethod
    def prepare(cls, whole: WholeDisks, scratch: Path) -> Images:
        published, raw = scratch / "published.qcow2", scratch / "published.raw"
        # Compressed, as publishers have them.
        run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", whole.disk, published])
        run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", published, raw])
        definition = Definition.install(scratch / "os-image", scratch / "cache-image", layout="gpt")
        images = cls(whole, scratch, published, raw, definition)
        images._name_image(published)
        run([*images._pull()])
        return images

    def measure(self, rounds: int) -> Section:
        section = Section("Guests of published disks")
        convert, pull = pulls = race("pull", self._pulls(), rounds, self.scratch)
        section.add("Pull of a file that is here, by its digest", pulls, pull, convert)
        copy, ours, mount = creates = race("create of an image", self._creates(), rounds, self.scratch)
        section.add("Create, the image in the cache", creates, ours, copy)
        copies, many, _ = together = race("images at the same time", self._together(), min(rounds, 3), self.scratch)
        section.add(f"{_TOGETHER} at the same time", together, many, copies)
        memory = peak_memory_of(self._create("create"), self._memory_of_create, self.scratch)
        pulled = self._memory_of_pull()
        section.bars = [
            Bar("pull over qemu-img convert and sha256sum", pull.ratio(convert), "≤", 1.2, "×"),
            Bar("create, less 0.1 s, over cp", ours.ratio(copy, less=0.1), "≤", 1, "×"),
            Bar("qemu-img convert, mount, write, umount over create", mount.ratio(ours), "≥", 3, "×"),
            Bar(f"{_TOGETHER} at the same time over {_TOGETHER} cp", many.ratio(copies), "≤", 0.8, "×"),
            Bar("peak memory of create", memory / MIB, "≤", 48, "MiB"),
            Bar("peak memory of pull", pulled / MIB, "≤", 48, "MiB"),
        ]
        return section

    # Pull

    def _name_image(self, path: Path) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with (self.definition.folder / "guestsmith.toml").open("a") as settings:
            settings.write(f"image = {json.dumps(str(path))}\ndigest = \"sha256:{digest}\"\n")

    def _pull(self) -> list[str | Path]:
        return [PROGRAM, "image", "pull", "--quiet", "--config", self.definition.folder]

    def _empty(self) -> None:
        shutil.rmtree(self.definition.cache, ignore_errors=True)

    def _pulls(self) -> list[Contender]:
        def convert(target: Target) -> None:
            run(["sha256sum", self.qcow2])
            run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", self.qcow2, target.path])

        def pull(_: Target) -> None:
            run(self._pull())

        def check(_: Target) -> None:
            (image,) = self.definition.cache.glob("images/*/disk.img")
            run(["cmp", self.raw, image])

        return [
            Contender(
                "qemu-img convert and sha256sum",
                "limit",
                convert,
                lambda target: run(["cmp", self.raw, target.path]),
                sizes=(0,),
                inputs=(self.qcow2,),
            ),
            Contender("image pull", "ours", pull, check, prepare=self._empty, sizes=(0,), inputs=(self.qcow2,)),
        ]

    def _memory_of_pull(self) -> int:
        self._empty()
        return peak_memory(self._pull(), self.scratch)

    # Create

    def _create(self, name: str) -> Contender:
        return Contender(
            name,
            "ours",
            lambda target: run(self.definition.create(target.path)),
            self._check,
            prepare=self.definition.renew_swap,
            inputs=(self._cached,),
        )

    @property
    def _cached(self) -> Path:
        (image,) = self.definition.cache.glob("images/*/disk.img")
        return image

    def _creates(self) -> list[Contender]:
        return [
            Contender(
                "cp --sparse=always of the disk",
                "limit",
                lambda target: run(["cp", "--sparse=always", self.raw, target.path]),
                lambda target: run(["cmp", self.raw, target.path]),
                sizes=(0,),
                inputs=(self.raw,),
            ),
            self._create("create"),
            Contender(
                "qemu-img convert, mount, write, umount",
                "peer",
                self._mount,
                self._check_mounted,
                inputs=(self.qcow2,),
            ),
        ]

    def _mount(self, target: Target) -> None:
        """As ganeti-os-nocloud does it: the image onto the disk, its root on the host, the seed into it."""
        run(["qemu-img", "convert", "-n", "-f", "qcow2", "-O", "raw", self.qcow2, target.path])
        offset = root_offset(target.path)
        with LoopDevice(target.path, True, offset) as loop, mounted(loop.path, self.scratch / "nocloud", "rw") as root:
            seed = root / "var/lib/cloud/seed/nocloud"
            seed.mkdir(parents=True)
            for name, text in _SEED.items():
                (seed / name).write_text(text)

    def _check_mounted(self, target: Target) -> None:
        root = f"{target.path}?offset={root_offset(target.path)}"
        run(["e2fsck", "-fn", root])
        for name, text in _SEED.items():
            if output_of("debugfs", "-R", f"cat /var/lib/cloud/seed/nocloud/{name}", root) != text:
                raise BenchError(f"the seed's {name} is not what was written")

    def _together(self) -> list[Contender]:
        each = [self.definition.with_swap(self.scratch / f"swap{number}.img") for number in range(_TOGETHER)]

        def prepare() -> None:
            for definition in each:
                definition.renew_swap()

        def copy(*targets: Target) -> None:
            run_together([["cp", "--sparse=always", self.raw, target.path] for target in targets])

        def copy_and_flush(*targets: Target) -> None:
            copy(*targets)
            for target in targets:
                target.flush()

        def create(*targets: Target) -> None:
            run_together([definition.create(target.path) for definition, target in zip(each, targets)])

        def check_copies(*targets: Target) -> None:
            for target in targets:
                run(["cmp", f"--bytes={self.raw.stat().st_size}", self.raw, target.path])

        def check(*targets: Target) -> None:
            for target in targets:
                self._check(target)

        sizes = (4 * GIB,) * _TOGETHER
        return [
            Contender(f"{_TOGETHER} cp", "limit", copy, check_copies, sizes=sizes, inputs=(self.raw,)),
            Contender(f"{_TOGETHER} creates", "ours", create, check, prepare, sizes, inputs=(self._cached,)),
            # What a create has done when it ends.
            Contender(
                f"{_TOGETHER} cp until they are on the disk",
                "peer",
                copy_and_flush,
                check_copies,
                sizes=sizes,
                inputs=(self.raw,),
            ),
        ]

    def _memory_of_create(self, target: Target) -> int:
        return peak_memory(self.definition.create(target.path), self.scratch)

    def _check(self, target: Target) -> None:
        run(["sfdisk", "--verify", "--quiet", target.path])
        offset = root_offset(target.path)
        run(["e2fsck", "-fn", f"{target.path}?offset={offset}"])
        name = output_of("debugfs", "-R", "cat /etc/hostname", f"{target.path}?offset={offset}").strip()
        if name not in (GUEST, GUEST.split(".")[0]):
            raise BenchError(f"the guest is called {name}, not {GUEST}")
