# SPDX-License-Identifier: Apache-2.0
"""Guestsmith as a host calls it: an OS definition of API 5 with a cache of its own."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from commands import BenchError, run
from disks import MIB, check_filesystem, make_sparse, mounted_image
from trees import Allowance, Tree, require_same

PROGRAM = Path(__file__).resolve().parent.parent / ".build/release/guestsmith"

GUEST = "bench.example.com"

# What create writes into its copy of the image: the identity of the guest.
CONFIGURED = Allowance(
    (
        "etc/default/locale",
        "etc/fstab",
        "etc/guestsmith-release",
        "etc/hostname",
        "etc/hosts",
        "etc/issue.d",
        "etc/machine-id",
        "etc/mailname",
        "etc/resolv.conf",
        "etc/shadow",
        "etc/systemd/network",
        "etc/systemd/system",
        "etc/udev/rules.d",
    )
)
# What import writes into a guest that keeps its name.
RESTORED = Allowance(("etc/fstab", "etc/guestsmith-release", "etc/hosts"))

_SWAP_SIZE = 512 * MIB


@dataclass(frozen=True)
class Definition:
    """An installed OS definition."""

    folder: Path
    cache: Path
    swap: Path  # one for all calls: it is made anew before each

    @classmethod
    def install(cls, folder: Path, cache: Path, sandbox: str = "auto", layout: str = "none") -> Definition:
        shutil.rmtree(folder, ignore_errors=True)
        run([PROGRAM, "os", "install", "--api", "5", "--into", folder])
        definition = cls(folder / "guestsmith", cache, folder / "swap.img")
        # A string of JSON is a basic string of TOML.
        (definition.folder / "guestsmith.toml").write_text(
            f"cache = {json.dumps(str(cache))}\nsandbox = {json.dumps(sandbox)}\nlayout = {json.dumps(layout)}\n"
        )
        return definition

    def with_swap(self, swap: Path) -> Definition:
        return replace(self, swap=swap)

    def create(self, disk: Path) -> list[str | Path]:
        return [self.folder / "create", "-i", GUEST, "-b", disk, "-s", self.swap]

    def export(self, disk: Path) -> list[str | Path]:
        return [self.folder / "export", "-i", GUEST, "-b", disk]

    def restore(self, disk: Path) -> list[str | Path]:
        return [self.folder / "import", "-i", GUEST, "-b", disk, "-s", self.swap]

    def renew_swap(self) -> None:
        make_sparse(self.swap, _SWAP_SIZE)


@dataclass(frozen=True)
class GoldenImage:
    """The image in the cache that guests are copies of."""

    disk: Path
    suite: str
    sources: str
    packages: tuple[str, ...]

    @classmethod
    def of_guest(cls, disk: Path, definition: Definition, scratch: Path) -> GoldenImage:
        """The image that a guest was made from, by what the guest says."""
        with mounted_image(disk, scratch / "guest") as tree:
            return cls.of_release((tree / "etc/guestsmith-release").read_text(), definition)

    @classmethod
    def of_release(cls, text: str, definition: Definition) -> GoldenImage:
        """The same, by the text of /etc/guestsmith-release."""
        digest = re.search(r"^IMAGE=sha256:([0-9a-f]{64})$", text, re.MULTILINE)
        for path in sorted(definition.cache.glob("images/*/manifest.json")):
            manifest = json.loads(path.read_text())
            if digest and manifest["sha256"] == digest[1]:
                return cls(
                    disk=path.parent / "disk.img",
                    suite=manifest["suite"],
                    sources=manifest["sources"],
                    packages=tuple(manifest["requested_packages"]),
                )
        raise BenchError(f"no image in {definition.cache} is the one that the guest was made from")

    @property
    def mirror(self) -> str:
        """The archive of the release itself, by the apt sources that the image was made from."""
        for stanza in self.sources.split("\n\n"):
            fields = dict(re.findall(r"^(\S+):[ \t]*(.*)$", stanza, re.MULTILINE))
            if self.suite in fields.get("Suites", "").split():
                return str(fields["URIs"].split()[0])
        raise BenchError(f"the image's sources have no archive of {self.suite}")


def check_guest(disk: Path, tree: Tree, scratch: Path, allowance: Allowance) -> None:
    """A guest has to have the files of `tree`, but for what is configured, and the name that it was given."""
    check_filesystem(disk)
    with mounted_image(disk, scratch / "checked") as found:
        require_same(tree, found, allowance)
        if (found / "etc/hostname").read_text().strip() not in (GUEST, GUEST.split(".")[0]):
            raise BenchError(f"the guest is not called {GUEST}")
