# SPDX-License-Identifier: Apache-2.0
"""Creating a guest whose image is in the cache, against what a user would pick instead."""

from __future__ import annotations

import filecmp
from dataclasses import dataclass
from pathlib import Path

from commands import BenchError, peak_memory, run, run_together
from debootstrap import InstanceDebootstrap
from disks import GIB, MIB, TIB, check_filesystem, mounted, mounted_image
from guestsmith import CONFIGURED, Definition, GoldenImage, check_guest
from race import Bar, Contender, Target, peak_memory_of, race
from report import Section
from trees import NOTHING, Allowance, Tree, read_tree, require_same

_TOGETHER = 8
# As ganeti-instance-debootstrap calls it.
_TAR = ["tar", "--acls", "--selinux", "--xattrs", "--xattrs-include=*"]


@dataclass(frozen=True)
class Creating:
    """The golden image in all the forms that contenders start from."""

    definition: Definition
    golden: GoldenImage
    debootstrap: InstanceDebootstrap
    scratch: Path
    tree: Tree
    archive: Path
    folder: Path
    qcow2: Path

    @classmethod
    def prepare(cls, definition: Definition, golden: GoldenImage, work: Path, scratch: Path) -> Creating:
        archive, folder, qcow2 = scratch / "golden.tar", scratch / "golden", scratch / "golden.qcow2"
        with mounted_image(golden.disk, scratch / "mounted") as image:
            tree = read_tree(image)
            run([*_TAR, "--exclude=./lost+found", "-c", "-f", archive, "-C", image, "."])
        folder.mkdir()
        run([*_TAR, "-x", "-f", archive, "-C", folder])
        run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", golden.disk, qcow2])
        debootstrap = InstanceDebootstrap(golden, work / "debootstrap", scratch)
        return cls(definition, golden, debootstrap, scratch, tree, archive, folder, qcow2)

    def measure(self, rounds: int) -> Section:
        section = Section("Create")
        contenders = race("create", self._contenders(), rounds, self.scratch)
        limit, ours, untar, *_ = contenders
        section.add("Create, the image in the cache", contenders, ours, limit)
        together = race("at the same time", [self._ours("one"), self._many()], min(rounds, 3), self.scratch)
        one, many = together
        section.add("At the same time", together, one)
        sizes = [(10 * GIB, "10 GiB"), (TIB, "1 TiB"), (16 * TIB, "16 TiB")]
        disks = [self._ours(f"sparse disk of {words}", (size,)) for size, words in sizes]
        by_size = race("size of the disk", disks, min(rounds, 3), self.scratch)
        small, large, huge = by_size
        section.add("By the size of the disk", by_size, small)
        peak = max(peak_memory_of(disk, self._peak_memory, self.scratch) for disk in (self._ours("4 GiB"), disks[-1]))
        section.bars += [
            Bar("warm create, less 0.1 s, over the limit", ours.ratio(limit, less=0.1), "≤", 1.5, "×"),
            Bar("mkfs, mount and untar over warm create", untar.ratio(ours), "≥", 8, "×"),
            Bar(f"{_TOGETHER} creates at the same time over one", many.ratio(one), "≤", _TOGETHER, "×"),
            Bar("disk of 1 TiB beyond that of 10 GiB", large.excess(small), "≤", 1, "s"),
            Bar("disk of 16 TiB beyond that of 10 GiB", huge.excess(small), "≤", 1, "s"),
            Bar("peak memory, the larger of disks of 4 GiB and 16 TiB", peak / MIB, "≤", 64, "MiB"),
        ]
        return section

    def _contenders(self) -> list[Contender]:
        image = (self.golden.disk,)
        return [
            Contender("cp --sparse=always of the image", "limit", self._copy, self._check_copy, inputs=image),
            self._ours("guestsmith create"),
            Contender(
                "mkfs, mount, untar", "peer", self._untar, self._check_tree, needs_device=True, inputs=(self.archive,)
            ),
            Contender(
                "ganeti-instance-debootstrap",
                "peer",
                self.debootstrap.create,
                self.debootstrap.check,
                needs_device=True,
                inputs=(self.debootstrap.archive,),
            ),
            Contender("qemu-img convert from qcow2", "peer", self._convert, self._check_tree, inputs=(self.qcow2,)),
            Contender("mke2fs -d of a folder", "peer", self._populate, self._check_populated, inputs=(self.folder,)),
        ]

    def _ours(self, name: str, sizes: tuple[int, ...] = Contender.sizes) -> Contender:
        return Contender(
            name,
            "ours",
            lambda target: run(self.definition.create(target.path)),
            self._check_guest,
            prepare=self.definition.renew_swap,
            sizes=sizes,
            inputs=(self.golden.disk,),
        )

    def _many(self) -> Contender:
        definitions = [self.definition.with_swap(self.scratch / f"swap{number}.img") for number in range(_TOGETHER)]

        def prepare() -> None:
            for definition in definitions:
                definition.renew_swap()

        def create(*targets: Target) -> None:
            run_together([each.create(target.path) for each, target in zip(definitions, targets)])

        def check(*targets: Target) -> None:
            for target in targets:
                self._check_guest(target)

        return Contender(
            f"{_TOGETHER} at the same time",
            "ours",
            create,
            check,
            prepare=prepare,
            sizes=Contender.sizes * _TOGETHER,
            inputs=(self.golden.disk,),
        )

    def _peak_memory(self, target: Target) -> int:
        return peak_memory(self.definition.create(target.path), self.scratch)

    def _copy(self, target: Target) -> None:
        run(["cp", "--sparse=always", self.golden.disk, target.path])

    def _untar(self, target: Target) -> None:
        run(["mkfs.ext4", "-F", "-q", target.disk])
        with mounted(target.disk, self.scratch / "untar", "rw") as tree:
            run([*_TAR, "-x", "-f", self.archive, "-C", tree])

    def _convert(self, target: Target) -> None:
        run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", self.qcow2, target.path])

    def _populate(self, target: Target) -> None:
        run(["mke2fs", "-F", "-q", "-t", "ext4", "-d", self.folder, target.path])

    def _check_copy(self, target: Target) -> None:
        check_filesystem(target.path)
        if not filecmp.cmp(self.golden.disk, target.path, shallow=False):
            raise BenchError("the copy differs from the image")

    def _check_tree(self, target: Target, allowance: Allowance = NOTHING) -> None:
        check_filesystem(target.path)
        with mounted_image(target.path, self.scratch / "checked") as found:
            require_same(self.tree, found, allowance)

    def _check_populated(self, target: Target) -> None:
        # mke2fs takes all from the folder but the time of the folder itself.
        self._check_tree(target, Allowance(("lost+found",)))

    def _check_guest(self, target: Target) -> None:
        check_guest(target.path, self.tree, self.scratch, CONFIGURED)
