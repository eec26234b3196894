# SPDX-License-Identifier: Apache-2.0
"""Debian's ganeti-instance-debootstrap, called as Ganeti calls it by API 20."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from commands import BenchError, output_of, run, tool_environment
from disks import LoopDevice, check_filesystem, make_sparse, mounted_image
from guestsmith import GUEST, GoldenImage
from race import DISK_SIZE, Target

_DEFINITION = Path("/usr/share/ganeti/os/debootstrap")
_CACHE = Path("/var/cache/ganeti-instance-debootstrap")
# It writes to /etc/resolv.conf of the guest, which this package makes a link to nowhere.
_REFUSED = ["systemd-resolved"]


class InstanceDebootstrap:
    """Its cache is this benchmark's own, mounted over the system's in our mount namespace."""

    def __init__(self, golden: GoldenImage, cache: Path, scratch: Path) -> None:
        self._golden, self._scratch = golden, scratch
        cache.mkdir(exist_ok=True)
        run(["mount", "--bind", cache, _CACHE])
        architecture = output_of("dpkg", "--print-architecture").strip()
        self.archive = cache / f"cache-{golden.suite}-{architecture}.tar"
        if not self.archive.exists():
            self._fill_cache()
        os.utime(self.archive)  # it throws away what is older than two weeks

    def create(self, target: Target) -> None:
        self._create(target.disk, {})

    def check(self, target: Target) -> None:
        """Its tree is its own: it has to be a Debian with a kernel, under the name of the guest."""
        check_filesystem(target.path)
        with mounted_image(target.path, self._scratch / "checked") as tree:
            wanted = [tree / "bin/sh", tree / "etc/debian_version", *(tree / "boot").glob("vmlinuz-*")]
            hostname = (tree / "etc/hostname").read_text().strip()
            if len(wanted) < 3 or not all(path.exists() for path in wanted) or hostname != GUEST:
                raise BenchError("what it made is no guest")

    def _fill_cache(self) -> None:
        disk = self._scratch / "debootstrap.img"
        make_sparse(disk, DISK_SIZE)
        proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        print("fill the cache of ganeti-instance-debootstrap", file=sys.stderr)
        try:
            with LoopDevice(disk, writable=True) as loop:
                self._create(loop.path, proxies)
        except BaseException:
            self.archive.unlink(missing_ok=True)
            raise
        disk.unlink()

    def _create(self, device: Path, proxies: dict[str, str]) -> None:
        environment = tool_environment(
            OS_API_VERSION="20",
            OS_NAME="debootstrap",
            OS_VARIANT="default",
            DEBUG_LEVEL="0",
            INSTANCE_NAME=GUEST,
            INSTANCE_OS="debootstrap+default",
            HYPERVISOR="kvm",
            INSTANCE_HV_serial_console="True",
            DISK_COUNT="1",
            DISK_0_PATH=device,
            DISK_0_ACCESS="rw",
            DISK_0_BACKEND_TYPE="block",
            NIC_COUNT="0",
            # Settings that its file in /etc/default leaves open.
            PARTITION_STYLE="none",
            SUITE=self._golden.suite,
            MIRROR=self._golden.mirror,
            EXTRA_PKGS=",".join(package for package in self._golden.packages if package not in _REFUSED),
            TMPDIR=self._scratch,
        )
        run([_DEFINITION / "create"], environment=environment | proxies, folder=_DEFINITION)
