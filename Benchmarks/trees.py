# SPDX-License-Identifier: Apache-2.0
"""Trees of files, and what differs between two."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from commands import BenchError
from disks import mounted_image


@dataclass(frozen=True)
class Entry:
    """What is compared of a file. Times in whole seconds: a tar of GNU's own format has no others."""

    mode: int  # with the type
    owner: tuple[int, int]
    links: int
    modified: int
    content: str  # digest, target of the link, or number of the device
    attributes: tuple[tuple[str, bytes], ...]


Tree = dict[str, Entry]


def read_tree(root: Path) -> Tree:
    """All that is below a folder, by path, and the folder itself as `.`; without lost+found, which mkfs makes."""
    tree = {".": _entry(root)}
    for path in _below(root):
        tree[str(path.relative_to(root))] = _entry(path)
    tree.pop("lost+found", None)
    return tree


@dataclass(frozen=True)
class Allowance:
    """What may differ: these paths and what is below them, and times and links of the folders that they are in."""

    paths: tuple[str, ...] = ()

    def _covers(self, path: str) -> bool:
        return any(path == allowed or path.startswith(allowed + "/") for allowed in self.paths)

    def _is_folder_of_some(self, path: str) -> bool:
        return any(path == "." or allowed.startswith(path + "/") for allowed in self.paths)

    def differences(self, wanted: Tree, found: Tree) -> list[str]:
        words = []
        for path in sorted(wanted.keys() | found.keys()):
            if self._covers(path):
                continue
            if path not in found:
                words.append(f"{path} is missing")
            elif path not in wanted:
                words.append(f"{path} is too many")
            else:
                ignored = {"modified", "links"} if self._is_folder_of_some(path) else set()
                words += [f"{path}: {difference}" for difference in _differences(wanted[path], found[path], ignored)]
        return words


NOTHING = Allowance()


def require_same(wanted: Tree, root: Path, allowance: Allowance = NOTHING) -> None:
    """Compares the files below a folder with what they should be."""
    differences = allowance.differences(wanted, read_tree(root))
    if differences:
        shown = "".join(f"\n  | {line}" for line in differences[:12])
        raise BenchError(f"the tree is not the one it should be, {len(differences)} differences:{shown}")


def _differences(wanted: Entry, found: Entry, ignored: set[str]) -> list[str]:
    return [
        f"{name} is {getattr(found, name)}, should be {getattr(wanted, name)}"
        for name in Entry.__dataclass_fields__
        if name not in ignored and getattr(wanted, name) != getattr(found, name)
    ]


def _below(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path))


def _entry(path: Path) -> Entry:
    status = path.lstat()
    return Entry(
        mode=status.st_mode,
        owner=(status.st_uid, status.st_gid),
        links=status.st_nlink,
        modified=int(status.st_mtime),
        content=_content(path, status),
        attributes=tuple(
            (name, os.getxattr(path, name, follow_symlinks=False))
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        ),
    )


def _content(path: Path, status: os.stat_result) -> str:
    if stat.S_ISREG(status.st_mode):
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)
    return str(status.st_rdev)


def tree_of(disk: Path, scratch: Path) -> Tree:
    with mounted_image(disk, scratch / "mounted") as found:
        return read_tree(found)
