# SPDX-License-Identifier: Apache-2.0
"""What it costs that programs which read a guest are confined: the same work with the sandbox off and on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from commands import Argv, peak_memory, run
from disks import MIB
from guestsmith import CONFIGURED, PROGRAM, RESTORED, Definition, GoldenImage, check_guest
from race import Bar, Contender, Target, peak_memory_of, race
from report import Section
from trees import Tree, tree_of

_MODES = ("off", "auto")


@dataclass(frozen=True)
class Confining:
    """A guest's disk and its dump, and a definition for each mode of the sandbox."""

    definitions: Mapping[str, Definition]
    golden: GoldenImage
    disk: Path
    dump: Path
    tree: Tree
    guest_tree: Tree
    scratch: Path

    @classmethod
    def prepare(cls, golden: GoldenImage, disk: Path, cache: Path, scratch: Path) -> Confining:
        definitions = {mode: Definition.install(scratch / f"os-{mode}", cache, mode) for mode in _MODES}
        dump = scratch / "confining.dump"
        run(definitions["auto"].export(disk), sink=dump)
        trees = (tree_of(path, scratch) for path in (golden.disk, disk))
        return cls(definitions, golden, disk, dump, *trees, scratch)

    def measure(self, rounds: int) -> Section:
        section = Section("Sandbox")
        for verb in ("create", "export", "import"):
            contenders = [self._contender(verb, mode) for mode in _MODES]
            # What is looked for is small.
            off, auto = race(f"sandbox, {verb}", contenders, 3 * rounds, self.scratch)
            section.add(f"{verb.capitalize()}, by the sandbox", [off, auto], off)
            peak_off, peak_auto = (
                peak_memory_of(contender, self._peak_memory(verb, mode), self.scratch)
                for contender, mode in zip(contenders, _MODES)
            )
            section.bars += [
                Bar(f"{verb} in the sandbox beyond that without", auto.excess(off) * 1000, "≤", 30, "ms"),
                Bar(f"peak memory of {verb} in the sandbox over that without", peak_auto / peak_off, "≤", 1.1, "×"),
            ]
        return section

    def _call(self, verb: str, mode: str, target: Target) -> tuple[Argv, dict[str, Path]]:
        """The command, and the files that it reads from and writes to."""
        definition = self.definitions[mode]
        if verb == "create":
            return definition.create(target.path), {}
        if verb == "export":
            return definition.export(self.disk), {"sink": target.path}
        return definition.restore(target.path), {"source": self.dump}

    def _contender(self, verb: str, mode: str) -> Contender:
        def work(target: Target) -> None:
            command, files = self._call(verb, mode, target)
            run(command, **files)

        def check(target: Target) -> None:
            if verb == "export":
                run([PROGRAM, "dump", "verify", target.path])
            elif verb == "create":
                check_guest(target.path, self.tree, self.scratch, CONFIGURED)
            else:
                check_guest(target.path, self.guest_tree, self.scratch, RESTORED)

        return Contender(
            f"{verb}, sandbox = {mode}",
            "ours",
            work,
            check,
            prepare=self.definitions[mode].renew_swap,
            sizes=(0,) if verb == "export" else Contender.sizes,
            inputs={"create": (self.golden.disk,), "export": (self.disk,), "import": (self.dump,)}[verb],
        )

    def _peak_memory(self, verb: str, mode: str) -> Callable[[Target], int]:
        def peak(target: Target) -> int:
            command, files = self._call(verb, mode, target)
            return peak_memory(command, self.scratch, **files)

        return peak
