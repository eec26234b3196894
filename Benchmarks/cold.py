# SPDX-License-Identifier: Apache-2.0
"""Creating a guest with an empty cache, against mmdebstrap alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from commands import run, tool_environment
from disks import check_filesystem
from guestsmith import Definition, GoldenImage
from race import Bar, Contender, Target, race
from report import Section


def measure(definition: Definition, golden: GoldenImage, rounds: int, scratch: Path) -> Section:
    """Both fetch the packages anew; neither has a cache of them."""
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    environment = tool_environment(TMPDIR=scratch) | proxies
    sources = scratch / "golden.sources"
    sources.write_text(golden.sources)

    def bootstrap(target: Target) -> None:
        archive = target.path.with_suffix(".tar")
        packages = ",".join(golden.packages)
        command = ["mmdebstrap", "--variant=minbase", "--mode=root", "--format=tar", "--skip=check/signed-by"]
        run([*command, f"--include={packages}", golden.suite, archive, sources], environment=environment)
        archive.replace(target.path)

    def prepare() -> None:
        shutil.rmtree(definition.cache, ignore_errors=True)
        definition.renew_swap()

    peer = Contender("mmdebstrap to a tar", "peer", bootstrap, lambda target: run(["tar", "-t", "-f", target.path]))
    ours = Contender(
        "guestsmith create, empty cache",
        "ours",
        lambda target: run(definition.create(target.path), environment=environment),
        lambda target: check_filesystem(target.path),
        prepare=prepare,
    )
    results = race("cold create", [peer, ours], rounds, scratch)
    section = Section("Create with an empty cache")
    section.add(section.title, results, ours=results[1], limit=results[0])
    section.bars.append(Bar("cold create over mmdebstrap's own time", results[1].ratio(results[0]), "≤", 1.15, "×"))
    return section
