# SPDX-License-Identifier: Apache-2.0
"""Disks that are files: sparse files, loop devices, mounts."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands import BenchError, output_of, run

KIB, MIB, GIB, TIB = (1 << shift for shift in (10, 20, 30, 40))


def make_sparse(path: Path, size: int) -> None:
    """A new file that is one hole; a block shorter where the filesystem holds no file of that size."""
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        try:
            file.truncate(size)
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            file.truncate(size - 4096)


def flush(path: Path) -> None:
    """Waits until what was written to a file or a device is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_through(path: Path) -> None:
    """Reads a file, or all files of a tree, so that the page cache holds it."""
    if path.is_dir() and not path.is_symlink():
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
                read_through(Path(entry.path))
        return
    with path.open("rb", buffering=0) as file:
        while file.read(4 * MIB):
            pass


class LoopDevice:
    """A file as a block device, for as long as this process has it open: the kernel detaches it, whatever happens."""

    # linux/loop.h
    _CTL_GET_FREE, _CONFIGURE = 0x4C82, 0x4C0A
    _READ_ONLY, _AUTOCLEAR = 1, 4
    # struct loop_config: descriptor, block size, struct loop_info64 of 232 bytes with an offset at 24 and its flags at 52,
    # reserved.
    _CONFIG = struct.Struct("=II24xQ20xI176x64x")

    def __init__(self, file: Path, writable: bool, offset: int = 0) -> None:
        mode = os.O_RDWR if writable else os.O_RDONLY
        backing = os.open(file, mode)
        try:
            self._descriptor, self.path = self._attach(backing, mode, offset)
        finally:
            os.close(backing)

    def _attach(self, backing: int, mode: int, offset: int) -> tuple[int, Path]:
        flags = self._AUTOCLEAR | (self._READ_ONLY if mode == os.O_RDONLY else 0)
        with open("/dev/loop-control", "rb") as control:
            for _ in range(32):  # another process may take the one that was free
                path = Path(f"/dev/loop{fcntl.ioctl(control, self._CTL_GET_FREE)}")
                descriptor = os.open(path, mode)
                try:
                    fcntl.ioctl(descriptor, self._CONFIGURE, self._CONFIG.pack(backing, 0, offset, flags))
                    return descriptor, path
                except OSError as error:
                    os.close(descriptor)
                    if error.errno != errno.EBUSY:
                        raise
        raise BenchError("no loop device is free")

    def __enter__(self) -> LoopDevice:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


@contextmanager
def mounted(device: Path, folder: Path, options: str, kind: str = "ext4") -> Iterator[Path]:
    """Mounts a device on a new folder."""
    folder.mkdir()
    try:
        run(["mount", "-t", kind, "-o", options, device, folder])
        try:
            yield folder
        finally:
            run(["umount", folder])
    finally:
        folder.rmdir()


@contextmanager
def mounted_image(image: Path, folder: Path) -> Iterator[Path]:
    """Shows the files of a disk, without changing a byte of it."""
    with LoopDevice(image, writable=False) as loop, mounted(loop.path, folder, "ro,noload") as tree:
        yield tree


def unmount_below(folder: Path) -> None:
    """Unmounts what programs that were ended have left mounted in a folder."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [Path(line.split()[4].encode().decode("unicode_escape")) for line in lines]
    for point in reversed([point for point in points if folder in point.parents]):
        run(["umount", "--lazy", point])


def check_filesystem(image: Path) -> None:
    """e2fsck(8) has to find nothing."""
    run(["e2fsck", "-fn", image])


def used_extents(image: Path) -> list[tuple[int, int]]:
    """Offset and length in bytes of what an ext4 filesystem uses, by dumpe2fs(8)."""
    text = output_of("dumpe2fs", image)
    block_size, block_count = (_field(text, name) for name in ("Block size", "Block count"))
    used: list[tuple[int, int]] = []
    position = 0
    for line in re.findall(r"^  Free blocks: (.+)$", text, re.MULTILINE):
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", line):
            start, end = int(first), int(last or first) + 1
            if start > position:
                used.append((position * block_size, (start - position) * block_size))
            position = end
    if position < block_count:
        used.append((position * block_size, (block_count - position) * block_size))
    return used


def _field(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)$", text, re.MULTILINE)
    if not found:
        raise BenchError(f"dumpe2fs tells no '{name}'")
    return int(found[1])
