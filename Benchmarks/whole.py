# SPDX-License-Identifier: Apache-2.0
"""Whole disks: made, restored and dumped, against what a user would pick instead."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from commands import BenchError, output_of, peak_memory, run, run_together, tool_environment
from disks import GIB, MIB, TIB, LoopDevice, make_sparse, mounted, used_extents
from guestsmith import CONFIGURED, GUEST, RESTORED, Definition, GoldenImage
from race import Bar, Contender, Target, peak_memory_of, race
from report import Section
from trees import NOTHING, Allowance, Tree, read_tree, require_same

_ZSTD = ["zstd", "-1", f"-T{os.cpu_count()}", "-q", "-c"]
_TOGETHER = 8
_SIZE = 2 * GIB  # of the disk that is restored and dumped
_FILLED = 700 * MIB  # and what of it is used
# What create writes into a whole disk's guest besides: what names its root filesystem and its size.
_BOOTABLE = Allowance(
    (
        *CONFIGURED.paths,
        "boot/grub/grub.cfg",
        "etc/default/grub.d/50-guestsmith.cfg",
        "etc/grub.d/enable_cloud",
        "etc/repart.d",
    )
)
_CHECKERS = {"xfs": ["xfs_repair", "-n"], "btrfs": ["btrfs", "check"]}


@dataclass(frozen=True)
class WholeDisks:
    """Guests that boot by themselves, and one of them in the forms that contenders start from."""

    whole: Definition  # makes whole disks
    plain: Definition  # makes one filesystem
    scratch: Path
    image: Path  # the golden image of whole disks
    plain_image: Path
    disk: Path
    tree: Tree  # of the disk
    created: Tree  # of a guest that was just created
    used: Path  # the bytes that its root filesystem uses
    qcow2: Path

    @classmethod
    def prepare(cls, definition: Definition, golden: GoldenImage, work: Path, scratch: Path) -> WholeDisks:
        whole = Definition.install(scratch / "os-whole", work / "cache", layout="gpt")
        disk, root, used, qcow2 = (scratch / name for name in ("whole.img", "root.img", "used.whole", "whole.qcow2"))
        make_sparse(disk, _SIZE)
        whole.renew_swap()
        run(whole.create(disk), environment=dict(os.environ))
        with _root_of(disk, scratch / "root", "ro,noload") as folder:
            created = read_tree(folder)
        with _root_of(disk, scratch / "root", "rw") as folder:
            filled = sum(length for _, length in used_extents(_copy_root(disk, root)))
            with (folder / "srv/noise").open("wb") as file:
                for _ in range(max(0, _FILLED - filled) // MIB):
                    file.write(os.urandom(MIB))
        with _root_of(disk, scratch / "root", "ro,noload") as folder:
            tree = read_tree(folder)
        _copy_root(disk, root)
        with root.open("rb") as all_bytes, used.open("wb") as alone:
            for offset, length in used_extents(root):
                all_bytes.seek(offset)
                while length > 0:
                    piece = all_bytes.read(min(length, MIB))
                    alone.write(piece)
                    length -= len(piece)
        root.unlink()
        run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, qcow2])
        image = GoldenImage.of_release(_release(disk, scratch), whole).disk
        return cls(whole, definition, scratch, image, golden.disk, disk, tree, created, used, qcow2)

    def measure(self, rounds: int) -> Section:
        section = Section("Whole disks")
        copy, plain, gpt = creates = race("create a whole disk", self._creates(), rounds, self.scratch)
        section.add("Create a whole disk, the image in the cache", creates, gpt, copy)
        many = race("whole disks at the same time", self._together(), min(rounds, 3), self.scratch)
        copies, ours, busy_copies, busy, _ = many
        section.add(f"{_TOGETHER} whole disks at the same time", many, ours, copies)
        small, huge = sizes = race("size of the whole disk", self._sizes(), rounds, self.scratch)
        section.add("Create, by the size of the disk", sizes, small)
        raw, from_raw, convert, from_qcow2 = imports = race("import", self._imports(), rounds, self.scratch)
        section.add("Import of a raw whole disk", imports[:2], from_raw, raw)
        section.add("Import of a qcow2 image", imports[2:], from_qcow2, convert)
        limit, export = exports = race("export a whole disk", self._exports(), rounds, self.scratch)
        section.add("Export of a whole disk", exports, export, limit)
        into_small, into_large = grown = race("import by size", self._restores(), rounds, self.scratch)
        section.add("Import of a dump, by the size of the disk", grown, into_small)
        section.bars = [
            Bar("create of a whole disk beyond that of one filesystem", gpt.excess(plain), "≤", 0.1, "s"),
            Bar("create of a whole disk over cp", gpt.ratio(copy), "≤", 0.7, "×"),
            Bar(f"{_TOGETHER} at the same time over {_TOGETHER} cp", ours.ratio(copies), "≤", 0.7, "×"),
            Bar("the same, while another process writes", busy.ratio(busy_copies), "≤", 0.7, "×"),
            Bar("create on 16 TiB beyond that on 10 GiB", huge.excess(small), "≤", 0.3, "s"),
            Bar("import of a raw disk over qemu-img convert", from_raw.ratio(raw), "≤", 1.2, "×"),
            Bar("import of qcow2 over qemu-img convert", from_qcow2.ratio(convert), "≤", 1.2, "×"),
            Bar("import to 1 TiB beyond that to 4 GiB", into_large.excess(into_small), "≤", 0.3, "s"),
            Bar("export over zstd of the used bytes", export.ratio(limit), "≤", 0.95, "×"),
        ]
        for kind in _CHECKERS:
            partclone, others = race(f"export of {kind}", self._others(kind), rounds, self.scratch)
            section.add(f"Export of {kind}", [partclone, others], others)
            section.bars.append(Bar(f"partclone.{kind} | zstd over export", partclone.ratio(others), "≥", 2, "×"))
        section.bars += self._memory()
        return section

    # Create

    def _create(self, name: str, size: int, definition: Definition | None = None) -> Contender:
        definition = definition or self.whole
        return Contender(
            name,
            "ours",
            lambda target: run(definition.create(target.path)),
            lambda target: self._check(target.path, self.created, _BOOTABLE) if definition is self.whole else None,
            prepare=definition.renew_swap,
            sizes=(size,),
            inputs=(self.image if definition is self.whole else self.plain_image,),
        )

    def _creates(self) -> list[Contender]:
        copy = Contender(
            "cp --sparse=always of the image",
            "limit",
            lambda target: run(["cp", "--sparse=always", self.image, target.path]),
            lambda target: run(["cmp", self.image, target.path]),
            inputs=(self.image,),
        )
        return [copy, self._create("create one filesystem", 4 * GIB, self.plain), self._create("create", 4 * GIB)]

    def _sizes(self) -> list[Contender]:
        return [self._create("sparse disk of 10 GiB", 10 * GIB), self._create("sparse disk of 16 TiB", 16 * TIB)]

    def _together(self) -> list[Contender]:
        return [
            self._many_copies(f"{_TOGETHER} cp", "limit", busy=False),
            self._many_creates(f"{_TOGETHER} creates", busy=False),
            self._many_copies(f"{_TOGETHER} cp, while another writes", "peer", busy=True),
            self._many_creates(f"{_TOGETHER} creates, while another writes", busy=True),
            self._storage(),
        ]

    def _storage(self) -> Contender:
        """What the storage itself takes for so many bytes: large writes past the page cache, and nothing else."""
        blocks = sum(length for _, length in used_extents(self.image)) // (16 * MIB)
        command = ["dd", f"if={self.used}", "bs=16M", f"count={blocks}", "oflag=direct", "conv=notrunc", "status=none"]

        def work(*targets: Target) -> None:
            run_together([[*command, f"of={target.path}"] for target in targets])

        return Contender(
            f"{_TOGETHER} times the bytes alone", "limit", work, sizes=(4 * GIB,) * _TOGETHER, inputs=(self.used,)
        )

    def _many_copies(self, name: str, kind: str, *, busy: bool) -> Contender:
        def work(*targets: Target) -> None:
            with self._writer(busy):
                run_together([["cp", "--sparse=always", self.image, target.path] for target in targets])
                for target in targets:
                    target.flush()

        return Contender(name, kind, work, sizes=(4 * GIB,) * _TOGETHER, inputs=(self.image,))  # type: ignore[arg-type]

    def _many_creates(self, name: str, *, busy: bool) -> Contender:
        each = [self.whole.with_swap(self.scratch / f"swap{number}.img") for number in range(_TOGETHER)]

        def prepare() -> None:
            for definition in each:
                definition.renew_swap()

        def work(*targets: Target) -> None:
            with self._writer(busy):
                run_together([definition.create(target.path) for definition, target in zip(each, targets)])

        def check(*targets: Target) -> None:
            for target in targets:
                self._check(target.path, self.created, _BOOTABLE)

        return Contender(name, "ours", work, check, prepare, (4 * GIB,) * _TOGETHER, inputs=(self.image,))

    @contextmanager
    def _writer(self, busy: bool) -> Iterator[None]:
        """Another process that writes to the same storage."""
        if not busy:
            yield
            return
        path = self.scratch / "busy"
        command = f"while :; do dd if=/dev/zero of='{path}' bs=1M count=256 conv=fsync 2>/dev/null; done"
        writer = subprocess.Popen(["/bin/sh", "-c", command], env=tool_environment(), start_new_session=True)
        try:
            yield
        finally:
            os.killpg(writer.pid, 9)
            writer.wait()
            path.unlink(missing_ok=True)

    # Import

    def _imports(self) -> list[Contender]:
        return [
            self._convert("qemu-img convert from raw", "raw", self.disk),
            self._import("import of a raw disk", self.disk),
            self._convert("qemu-img convert from qcow2", "qcow2", self.qcow2),
            self._import("import of qcow2", self.qcow2),
        ]

    def _convert(self, name: str, form: str, source: Path) -> Contender:
        return Contender(
            name,
            "limit",
            lambda target: run(["qemu-img", "convert", "-f", form, "-O", "raw", source, target.path]),
            lambda target: run(["cmp", self.disk, target.path]),
            sizes=(_SIZE,),
            inputs=(source,),
        )

    def _import(self, name: str, source: Path, size: int = _SIZE) -> Contender:
        return Contender(
            name,
            "ours",
            lambda target: run(self.whole.restore(target.path), source=source),
            lambda target: self._check(target.path, self.tree, RESTORED),
            prepare=self.whole.renew_swap,
            sizes=(size,),
            inputs=(source,),
        )

    def _restores(self) -> list[Contender]:
        dump = self.scratch / "whole.dump"
        return [self._import("disk of 4 GiB", dump, 4 * GIB), self._import("sparse disk of 1 TiB", dump, TIB)]

    # Export

    def _exports(self) -> list[Contender]:
        return [
            Contender(
                "zstd of the used bytes alone",
                "limit",
                lambda target: run([*_ZSTD, self.used], sink=target.path),
                sizes=(0,),
                inputs=(self.used,),
            ),
            Contender(
                "export",
                "ours",
                lambda target: run(self.whole.export(self.disk), sink=target.path),
                sizes=(0,),
                inputs=(self.disk,),
                keep=self.scratch / "whole.dump",
            ),
        ]

    def _others(self, kind: str) -> list[Contender]:
        """A filesystem that was used, and half of whose files were deleted again."""
        disk = self.scratch / f"{kind}.img"
        make_sparse(disk, _SIZE)
        run([f"mkfs.{kind}", "-q", disk])
        with LoopDevice(disk, writable=True) as loop, mounted(loop.path, self.scratch / kind, "rw", kind) as folder:
            for number in range(400):
                (folder / f"file{number}").write_bytes(os.urandom(MIB) + self.used.open("rb").read(2 * MIB))
            os.sync()
            for number in range(0, 400, 2):
                (folder / f"file{number}").unlink()

        def check(target: Target) -> None:
            restored = self.scratch / "restored.img"
            make_sparse(restored, _SIZE)
            # It is no guest's root, so that it stays as it is.
            run(self.whole.restore(restored), source=target.path)
            run([*_CHECKERS[kind], restored])
            restored.unlink()

        return [
            Contender(
                f"partclone.{kind} | zstd",
                "peer",
                lambda target: self._partclone(kind, disk, target),
                sizes=(0,),
                inputs=(disk,),
            ),
            Contender(
                "export",
                "ours",
                lambda target: run(self.whole.export(disk), sink=target.path),
                check,
                self.whole.renew_swap,
                sizes=(0,),
                inputs=(disk,),
            ),
        ]

    def _partclone(self, kind: str, disk: Path, target: Target) -> None:
        log = self.scratch / "partclone.log"
        run([f"partclone.{kind}", "-c", "-L", log, "-s", disk, "-o", "-"], _ZSTD, sink=target.path)

    # Checks

    def _memory(self) -> list[Bar]:
        def of_create(target: Target) -> int:
            return peak_memory(self.whole.create(target.path), self.scratch)

        def of_import(source: Path, target: Target) -> int:
            return peak_memory(self.whole.restore(target.path), self.scratch, source=source)

        def of_export(target: Target) -> int:
            return peak_memory(self.whole.export(self.disk), self.scratch, sink=target.path)

        huge = self._sizes()[1]
        _, raw, _, qcow2 = self._imports()
        peaks = [
            ("create on 16 TiB", peak_memory_of(huge, of_create, self.scratch)),
            ("import of a raw disk", peak_memory_of(raw, lambda target: of_import(self.disk, target), self.scratch)),
            ("import of qcow2", peak_memory_of(qcow2, lambda target: of_import(self.qcow2, target), self.scratch)),
            ("export", peak_memory_of(self._exports()[1], of_export, self.scratch)),
        ]
        return [Bar(f"peak memory of {what}", peak / MIB, "≤", 48, "MiB") for what, peak in peaks]

    def _check(self, disk: Path, tree: Tree, allowance: Allowance = NOTHING) -> None:
        """The table has to be right, and the root filesystem sound and with these files."""
        run(["sfdisk", "--verify", "--quiet", disk])
        run(["e2fsck", "-fn", f"{disk}?offset={root_offset(disk)}"])
        with _root_of(disk, self.scratch / "checked", "ro,noload") as folder:
            require_same(tree, folder, allowance)
            if (folder / "etc/hostname").read_text().strip() not in (GUEST, GUEST.split(".")[0]):
                raise BenchError(f"the guest is not called {GUEST}")


def root_offset(disk: Path) -> int:
    """Where the last partition begins, in bytes."""
    table = json.loads(output_of("sfdisk", "--json", disk))["partitiontable"]
    return int(max(partition["start"] for partition in table["partitions"])) * int(table.get("sectorsize", 512))


@contextmanager
def _root_of(disk: Path, folder: Path, options: str) -> Iterator[Path]:
    writable = options.startswith("rw")
    with LoopDevice(disk, writable, root_offset(disk)) as loop, mounted(loop.path, folder, options) as tree:
        yield tree


def _copy_root(disk: Path, copy: Path) -> Path:
    run(["dd", f"if={disk}", f"of={copy}", "bs=1M", f"skip={root_offset(disk) // MIB}", "conv=sparse"])
    return copy


def _release(disk: Path, scratch: Path) -> str:
    """What the guest says that it was made from."""
    with _root_of(disk, scratch / "root", "ro,noload") as folder:
        return (folder / "etc/guestsmith-release").read_text()
