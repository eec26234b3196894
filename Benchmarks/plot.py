# SPDX-License-Identifier: Apache-2.0
"""Bars of seconds as SVG, on a card of its own that follows the reader's light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from race import Result
from report import Table

_WIDTH, _MARGIN, _NAMES, _NUMBERS = 820, 20, 230, 150
_ROW, _BAR, _HEADING, _GAP = 30, 16, 40, 16
_BARS = _WIDTH - 2 * _MARGIN - _NAMES - _NUMBERS
# Longer bars than so many times the limit are cut.
_LONGEST = 12

_STYLE = """\
  .card { fill: #ffffff; stroke: #d0d7de }
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .faint { fill: #59636e }
  .ours { fill: #1a7f37 } .limit { fill: #6e7781 } .peer { fill: #5b8fd6 }
  .range { stroke: #1f2328; stroke-width: 1.5 }
  .cut { stroke: #ffffff; stroke-width: 3 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .faint { fill: #9198a1 }
    .ours { fill: #3fb950 } .limit { fill: #9198a1 } .peer { fill: #4178be }
    .range { stroke: #f0f6fc }
    .cut { stroke: #0d1117 }
  }"""


def svg(tables: Sequence[Table]) -> str:
    """One panel a table."""
    marks: list[str] = []
    top = _MARGIN
    for table in tables:
        marks += _panel(table, top)
        top += _HEADING + _ROW * len(table.results) + _GAP
    height = top - _GAP + _MARGIN // 2
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
            f"<style>\n{_STYLE}\n</style>",
            f'<rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="6"/>',
            *marks,
            "</svg>\n",
        ]
    )


def _panel(table: Table, top: int) -> list[str]:
    shortest = table.limit or table.ours
    longest = min(max(max(result.seconds) for result in table.results), _LONGEST * shortest.median)
    marks = [
        f'<text class="title" x="{_MARGIN}" y="{top + 16}">{escape(table.title)}</text>',
        f'<text class="faint" x="{_WIDTH - _MARGIN}" y="{top + 16}" text-anchor="end">'
        f"seconds · times the limit; less is better, the line is fastest to slowest</text>",
    ]
    for number, result in enumerate(table.results):
        marks += _bar(table, result, top + _HEADING + _ROW * number, longest)
    return marks


def _bar(table: Table, result: Result, top: int, longest: float) -> list[str]:
    left, middle = _MARGIN + _NAMES, top + _BAR / 2

    def position(seconds: float) -> float:
        return left + _BARS * min(seconds, longest) / longest

    end, low, high = (position(seconds) for seconds in (result.median, min(result.seconds), max(result.seconds)))
    numbers = f"{result.median:.2f} s" + (f" · {result.ratio(table.limit):.1f} ×" if table.limit else "")
    weight = ' font-weight="600"' if result.kind == "ours" else ""
    marks = [
        f'<text x="{left - 10}" y="{middle + 4.5}" text-anchor="end"{weight}>{escape(result.name)}</text>',
        f'<rect class="{result.kind}" x="{left}" y="{top}" width="{end - left:.1f}" height="{_BAR}" rx="2"/>',
        f'<text x="{max(end, high) + 10:.1f}" y="{middle + 4.5}"{weight}>{numbers}</text>',
    ]
    if result.median > longest:
        x = end - 24
        marks.append(f'<path class="cut" d="M{x:.1f} {top + _BAR + 2} l8 -{_BAR + 4} m6 0 l-8 {_BAR + 4}"/>')
    elif high - low >= 1:
        marks.append(f'<path class="range" d="M{low:.1f} {middle} H{high:.1f}"/>')
    return marks
