# SPDX-License-Identifier: Apache-2.0
"""What was measured, as a table for a terminal, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from disks import MIB
from race import Bar, Result

Row = Sequence[str]


@dataclass(frozen=True)
class Table:
    """Contenders that ran in turn."""

    title: str
    results: Sequence[Result]
    limit: Result | None
    ours: Result

    @property
    def header(self) -> Row:
        header = ["contender", "median", "fastest – slowest", "runs"]
        if self.limit:
            header.append("of the limit")
        header.append(f"of {self.ours.name}")
        return header + (["size"] if self._has_sizes else [])

    @property
    def rows(self) -> list[Row]:
        return [self._row(result) for result in self.results]

    @property
    def _has_sizes(self) -> bool:
        return any(result.stored for result in self.results)

    def _row(self, result: Result) -> Row:
        row = [
            result.name,
            f"{result.median:.2f} s",
            f"{min(result.seconds):.2f} – {max(result.seconds):.2f} s",
            str(len(result.seconds)),
        ]
        if self.limit:
            row.append(f"{result.ratio(self.limit):.2f} ×")
        row.append(f"{result.ratio(self.ours):.2f} ×")
        if self._has_sizes:
            row.append(f"{result.stored / MIB:.1f} MiB" if result.stored else "")
        return row


@dataclass(frozen=True)
class Sizes:
    """What was weighed rather than timed."""

    title: str
    header: Row
    results: Sequence[Any]  # each has a row
    limit: None = None

    @property
    def rows(self) -> list[Row]:
        return [result.row for result in self.results]


@dataclass
class Section:
    """What is told in one chapter of the document."""

    title: str
    tables: list[Table | Sizes] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def add(self, title: str, results: Sequence[Result], ours: Result, limit: Result | None = None) -> None:
        self.tables.append(Table(title, results, limit, ours))

    @property
    def bar_rows(self) -> list[Row]:
        return [
            (bar.promise, f"{bar.measured:.2f} {bar.unit}", f"{bar.sign} {bar.allowed:g} {bar.unit}", verdict(bar))
            for bar in self.bars
        ]


BAR_HEADER: Row = ("bar", "measured", "allowed", "verdict")


def verdict(bar: Bar) -> str:
    return "met" if bar.is_met else "MISSED"


def as_text(sections: Iterable[Section]) -> str:
    parts = []
    for section in sections:
        for table in section.tables:
            parts.append(f"{table.title}\n{_aligned(table.header, table.rows)}")
        if section.bars:
            parts.append(f"{section.title}: bars\n{_aligned(BAR_HEADER, section.bar_rows)}")
    return "\n\n".join(parts)


def as_markdown(section: Section) -> str:
    parts = [f"### {table.title}\n\n{_markdown(table.header, table.rows)}" for table in section.tables]
    if section.bars:
        parts.append(f"### Bars\n\n{_markdown(BAR_HEADER, section.bar_rows)}")
    return "\n\n".join(parts)


def as_json(sections: Iterable[Section]) -> list[dict[str, Any]]:
    return [
        {
            "title": section.title,
            "tables": [
                {"title": table.title, "results": [asdict(result) for result in table.results]}
                for table in section.tables
            ],
            "bars": [asdict(bar) | {"met": bar.is_met} for bar in section.bars],
        }
        for section in sections
    ]


def _aligned(header: Row, rows: Sequence[Row]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    lines = []
    for row in [header, *rows]:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths))
        lines.append("  ".join(["", row[0].ljust(len(first)), *rest]).rstrip())
    return "\n".join(lines)


def _markdown(header: Row, rows: Sequence[Row]) -> str:
    marks = ["---", *["--:"] * (len(header) - 1)]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in [header, marks, *rows])
    return "\n".join("| " + " | ".join(row) + " |" for row in escaped)
