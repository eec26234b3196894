# SPDX-License-Identifier: Apache-2.0
"""Dumping a guest's disk and restoring it, against what a user would pick instead."""

from __future__ import annotations

import filecmp
import os
from dataclasses import dataclass
from pathlib import Path

from commands import BenchError, peak_memory, run
from disks import MIB, TIB, LoopDevice, check_filesystem, make_sparse, mounted, mounted_image, used_extents
from guestsmith import RESTORED, Definition, check_guest
from race import Bar, Contender, Result, Target, peak_memory_of, race
from report import Section
from trees import NOTHING, Allowance, Tree, require_same, tree_of

_ZSTD = ["zstd", "-1", f"-T{os.cpu_count()}", "-q", "-c"]
_UNZSTD = ["zstd", "-d", "-q", "-c"]

# restore(8) leaves its notes in the tree.
_NOTES = Allowance(("restoresymtable",))

# The slow ones run fewer times.
_FEW, _ONCE = 2, 1


@dataclass(frozen=True)
class Dumping:
    """A guest's disk in the forms that contenders start from. Each contender's dump is kept, to be restored."""

    definition: Definition
    scratch: Path
    disk: Path
    tree: Tree
    large: Path  # the same on a sparse disk of 1 TiB
    large_tree: Tree
    used: Path  # the bytes of the disk that its filesystem uses

    @classmethod
    def prepare(cls, definition: Definition, disk: Path, scratch: Path) -> Dumping:
        large, used = scratch / "large.img", scratch / "used.bytes"
        make_sparse(large, TIB)
        definition.renew_swap()
        run(definition.create(large))
        tree, large_tree = (tree_of(path, scratch) for path in (disk, large))
        with disk.open("rb") as whole, used.open("wb") as alone:
            for offset, length in used_extents(disk):
                _copy(whole.fileno(), offset, length, alone.fileno())
        dumping = cls(definition, scratch, disk, tree, large, large_tree, used)
        run([*_ZSTD, disk], sink=dumping._dump("raw"))
        return dumping

    def measure(self, rounds: int) -> Section:
        section = Section("Dump")
        exports = race("export", self._exports(), rounds, self.scratch)
        limit, ours, dump, partclone, *_ = exports
        section.add("Export", exports, ours, limit)
        imports = race("import", self._imports(), rounds, self.scratch)
        import_limit, import_ours, _, unpartclone, _ = imports
        section.add("Import", imports, import_ours, import_limit)
        sizes = race("export and import by size", self._sizes(), min(rounds, 3), self.scratch)
        small, large, into_small, into_large = sizes
        section.add("Export, by the size of the disk", [small, large], small)
        section.add("Import, by the size of the disk", [into_small, into_large], into_small)
        smallest = min((result for result in exports if result.kind == "peer"), key=_stored)
        section.bars = [
            Bar("export over the limit", ours.ratio(limit), "≤", 1.15, "×"),
            Bar("partclone | zstd over export", partclone.ratio(ours), "≥", 3, "×"),
            Bar("dump | gzip over export", dump.ratio(ours), "≥", 10, "×"),
            Bar(f"size over that of {smallest.name}", _stored(ours) / _stored(smallest), "≤", 1.02, "×"),
            Bar("import over its limit", import_ours.ratio(import_limit), "≤", 1.3, "×"),
            Bar("zstd | partclone over import", unpartclone.ratio(import_ours), "≥", 4, "×"),
            Bar("export of a disk of 1 TiB beyond that of 4 GiB", large.excess(small), "≤", 1, "s"),
            Bar("import to a disk of 1 TiB beyond that to 4 GiB", into_large.excess(into_small), "≤", 1, "s"),
            *self._memory(),
        ]
        return section

    def _memory(self) -> list[Bar]:
        def of_export(target: Target) -> int:
            return peak_memory(self.definition.export(self.large), self.scratch, sink=target.path)

        def of_import(target: Target) -> int:
            return peak_memory(self.definition.restore(target.path), self.scratch, source=self._dump("large"))

        _, export, _, restore = self._sizes()
        return [
            Bar("peak memory of export, 1 TiB", peak_memory_of(export, of_export, self.scratch) / MIB, "≤", 96, "MiB"),
            Bar("peak memory of import, 1 TiB", peak_memory_of(restore, of_import, self.scratch) / MIB, "≤", 96, "MiB"),
        ]

    # Export

    def _exports(self) -> list[Contender]:
        return [
            Contender(
                "zstd of the used bytes alone",
                "limit",
                lambda target: run([*_ZSTD, self.used], sink=target.path),
                sizes=(0,),
                inputs=(self.used,),
                keep=self._dump("limit"),
            ),
            self._export("guestsmith export", self.disk, "ours"),
            Contender(
                "dump -0 | gzip",
                "peer",
                self._export_by_dump,
                sizes=(0,),
                inputs=(self.disk,),
                runs=_FEW,
                keep=self._dump("dump"),
            ),
            Contender(
                "partclone.ext4 | zstd",
                "peer",
                lambda target: run(self._partclone("-c", "-s", self.disk, "-o", "-"), _ZSTD, sink=target.path),
                sizes=(0,),
                inputs=(self.disk,),
                keep=self._dump("partclone"),
            ),
            Contender(
                "dd | gzip",
                "peer",
                lambda target: run(["dd", f"if={self.disk}", "bs=1M"], ["gzip"], sink=target.path),
                self._check_gzip,
                sizes=(0,),
                inputs=(self.disk,),
                runs=_ONCE,
            ),
            Contender(
                "qemu-img convert -c to qcow2",
                "peer",
                lambda target: run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", self.disk, target.path]),
                self._check_qcow2,
                sizes=(0,),
                inputs=(self.disk,),
                runs=_FEW,
            ),
        ]

    def _export(self, name: str, disk: Path, dump: str) -> Contender:
        return Contender(
            name,
            "ours",
            lambda target: run(self.definition.export(disk), sink=target.path),
            self._check_tar if disk == self.disk else Contender.check,
            sizes=(0,),
            inputs=(self.disk,),
            keep=self._dump(dump),
        )

    def _export_by_dump(self, target: Target) -> None:
        with LoopDevice(self.disk, writable=False) as loop:
            run(["dump", "-0", "-q", "-f", "-", loop.path], ["gzip"], sink=target.path)

    def _partclone(self, *arguments: str | Path) -> list[str | Path]:
        return ["partclone.ext4", "-L", self.scratch / "partclone.log", *arguments]

    # What the other contenders dumped is checked when it is restored.

    def _check_tar(self, target: Target) -> None:
        """The raw disk, by zstd and tar alone, has the filesystem and the files."""
        folder = self.scratch / "unpacked"
        folder.mkdir()
        run([*_UNZSTD, target.path], ["tar", "-x", "-S", "-C", folder, "disk.raw"])
        self._check_disk(folder / "disk.raw")
        (folder / "disk.raw").unlink()
        folder.rmdir()

    def _check_gzip(self, target: Target) -> None:
        run(["gunzip", "-c"], ["cmp", "-", self.disk], source=target.path)

    def _check_qcow2(self, target: Target) -> None:
        run(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", target.path, self.disk])

    # Import

    def _imports(self) -> list[Contender]:
        return [
            Contender(
                "zstd -d of the used bytes alone",
                "limit",
                lambda target: run([*_UNZSTD, self._dump("limit")], sink=target.path),
                self._check_used,
                inputs=(self._dump("limit"),),
            ),
            self._import("guestsmith import", Contender.sizes, "ours", self.tree),
            Contender(
                "gunzip | mkfs, mount, restore",
                "peer",
                self._import_by_restore,
                lambda target: self._check_disk(target.path, _NOTES),
                needs_device=True,
                inputs=(self._dump("dump"),),
                runs=_FEW,
            ),
            Contender(
                "zstd -d | partclone.ext4",
                "peer",
                lambda target: run(
                    [*_UNZSTD, self._dump("partclone")], self._partclone("-r", "-s", "-", "-o", target.disk)
                ),
                lambda target: self._check_disk(target.path),
                needs_device=True,
                inputs=(self._dump("partclone"),),
            ),
            Contender(
                "zstd -d | dd, sparse",
                "peer",
                lambda target: run(
                    [*_UNZSTD, self._dump("raw")],
                    ["dd", f"of={target.path}", "ibs=128K", "obs=1M", "conv=sparse,notrunc"],
                ),
                lambda target: self._check_disk(target.path),
                inputs=(self._dump("raw"),),
            ),
        ]

    def _import(self, name: str, sizes: tuple[int, ...], dump: str, tree: Tree) -> Contender:
        return Contender(
            name,
            "ours",
            lambda target: run(self.definition.restore(target.path), source=self._dump(dump)),
            lambda target: check_guest(target.path, tree, self.scratch, RESTORED),
            prepare=self.definition.renew_swap,
            sizes=sizes,
            inputs=(self._dump(dump),),
        )

    def _import_by_restore(self, target: Target) -> None:
        run(["mkfs.ext4", "-F", "-q", target.disk])
        with mounted(target.disk, self.scratch / "restored", "rw") as tree:
            run(["gunzip", "-c"], ["restore", "-r", "-y", "-f", "-"], source=self._dump("dump"), folder=tree)

    def _check_disk(self, disk: Path, allowance: Allowance = NOTHING) -> None:
        check_filesystem(disk)
        with mounted_image(disk, self.scratch / "checked") as found:
            require_same(self.tree, found, allowance)

    def _check_used(self, target: Target) -> None:
        if not filecmp.cmp(self.used, target.path, shallow=False):
            raise BenchError("the used bytes were not restored")

    # By the size of the disk

    def _sizes(self) -> list[Contender]:
        return [
            self._export("disk of 4 GiB", self.disk, "small"),
            self._export("sparse disk of 1 TiB", self.large, "large"),
            self._import("disk of 4 GiB", Contender.sizes, "small", self.tree),
            self._import("sparse disk of 1 TiB", (TIB,), "large", self.large_tree),
        ]

    def _dump(self, name: str) -> Path:
        return self.scratch / f"{name}.dump"


def _stored(result: Result) -> int:
    return result.stored or 0


def _copy(source: int, offset: int, length: int, target: int) -> None:
    while length > 0:
        count = os.sendfile(target, source, offset, length)
        if count == 0:
            raise BenchError("the disk is shorter than its filesystem")
        offset, length = offset + count, length - count
