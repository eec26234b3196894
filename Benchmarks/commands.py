# SPDX-License-Identifier: Apache-2.0
"""Other programs: run to their end, alone or as a pipeline, and never left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

Argv = Sequence[str | Path]

_TOOLS_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class BenchError(Exception):
    """What stops the benchmark, in words for its user."""


def tool_environment(**variables: str | Path) -> dict[str, str]:
    """The environment of all contenders: the system's tools, and nothing of the caller's."""
    return {"PATH": _TOOLS_PATH, "LC_ALL": "C"} | {name: str(value) for name, value in variables.items()}


def run(
    *stages: Argv,
    source: Path | None = None,
    sink: Path | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Runs a pipeline from the file `source` to the file `sink`; every stage has to succeed."""
    with ExitStack() as stack:
        log = stack.enter_context(_temporary_file())
        first: int | IO[bytes] = stack.enter_context(source.open("rb")) if source else subprocess.DEVNULL
        last: int | IO[bytes] = stack.enter_context(sink.open("wb")) if sink else log.fileno()
        children: list[subprocess.Popen[bytes]] = []
        try:
            for number, stage in enumerate(stages):
                is_last = number == len(stages) - 1
                child = subprocess.Popen(
                    [str(word) for word in stage],
                    stdin=first,
                    stdout=last if is_last else subprocess.PIPE,
                    stderr=log,
                    env=dict(environment if environment is not None else tool_environment()),
                    cwd=folder,
                )
                children.append(child)
                if number > 0 and not isinstance(first, int):
                    first.close()  # so that the stage before notices when this one ends
                if child.stdout:
                    first = child.stdout
            statuses = [child.wait() for child in children]
        except BaseException:
            _end(children)
            raise
        for stage, status in zip(stages, statuses):
            if status != 0:
                raise BenchError(f"{describe(stage)} ended with status {status}:\n{_tail(log)}")


def run_together(commands: Sequence[Argv], environment: Mapping[str, str] | None = None) -> None:
    """Runs all commands at the same time."""
    children: list[subprocess.Popen[bytes]] = []
    with _temporary_file() as log:
        try:
            for command in commands:
                children.append(
                    subprocess.Popen(
                        [str(word) for word in command],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        env=dict(environment if environment is not None else tool_environment()),
                    )
                )
            statuses = [child.wait() for child in children]
        except BaseException:
            _end(children)
            raise
        if any(statuses):
            raise BenchError(f"{describe(commands[0])} and others ended with {statuses}:\n{_tail(log)}")


def output_of(*command: str | Path) -> str:
    """What a command prints."""
    done = subprocess.run(
        [str(word) for word in command],
        env=tool_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BenchError(
            f"{describe(command)} ended with status {done.returncode}:\n{done.stdout}{done.stderr}".rstrip()
        )
    return done.stdout


def peak_memory(command: Argv, scratch: Path, source: Path | None = None, sink: Path | None = None) -> int:
    """The most memory in bytes that a command, or one of its children, had in use.

    time(1) starts it, since the kernel counts the memory of whoever calls exec(2), and this program has more.
    """
    report = scratch / "peak-memory"
    run(["/usr/bin/time", "--format=%M", f"--output={report}", "--", *command], source=source, sink=sink)
    return int(report.read_text().split()[-1]) * 1024


def describe(command: Argv) -> str:
    """The first words of a command: enough to know it by."""
    words = [str(word) for word in command]
    return " ".join([Path(words[0]).name, *words[1:6]]) + (" …" if len(words) > 6 else "")


def _temporary_file() -> IO[bytes]:
    return open(os.open(os.environ.get("TMPDIR", "/tmp"), os.O_TMPFILE | os.O_RDWR, 0o600), "w+b")


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").replace("\r", "\n").splitlines()
    return "\n".join("  | " + line for line in lines[-12:])


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
