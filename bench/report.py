"""What measurements say to readers: JSON, a Markdown table between two markers, an SVG plot, and where they come from.

Every figure carries its machine, commit, date and command.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from bench.load import Result, result_from_json
from bench.serve import REPOSITORY

BARS_MAX = 24  # More cannot be read on one plot.
SERIES_MAX = 4  # As many as there are colours that can be told apart, also by those who see few colours.

# Dark enough on white, light enough on black; chosen after Okabe and Ito so that hue is not all that tells them apart.
_STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de } .text { fill: #1f2328 } .quiet { fill: #59636e } .grid { stroke: #d8dee4 }
  .fill0 { fill: #0072b2 } .fill1 { fill: #d55e00 } .fill2 { fill: #00795c } .fill3 { fill: #8a4a78 }
  .line0 { stroke: #0072b2 } .line1 { stroke: #d55e00 } .line2 { stroke: #00795c } .line3 { stroke: #8a4a78 }
  .line { fill: none; stroke-width: 2.5 } text { font: 13px system-ui, sans-serif }
  .title { font-size: 16px; font-weight: 600 } .source { font-size: 11px }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d } .text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid { stroke: #2a313a }
    .fill0 { fill: #56b4e9 } .fill1 { fill: #e69f00 } .fill2 { fill: #2fbf94 } .fill3 { fill: #cc79a7 }
    .line0 { stroke: #56b4e9 } .line1 { stroke: #e69f00 } .line2 { stroke: #2fbf94 } .line3 { stroke: #cc79a7 }
  }
"""
_DASHES = ("", "7 4", "2 4", "9 3 2 3")


class MarkersMissing(Exception):
    """A document has no place for a block; says which two lines make one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a figure was measured on."""

    cores: int
    processor: str
    memory_bytes: int
    kernel: str
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a figure comes from, so that anyone can measure it again.

    `commit` ends in `+changes` where the tree was not clean.
    """

    machine: Machine
    commit: str
    measured_at: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One set of measurements under one name, with remarks on what is compared with what."""

    name: str
    title: str
    remarks: tuple[str, ...]
    provenance: Provenance
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a plot; bars of one `series` share a colour."""

    label: str
    value: float
    series: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a plot: points of x and y, x ascending."""

    label: str
    points: tuple[tuple[float, float], ...]


def machine() -> Machine:
    """This machine, as far as it matters for speed; cores are those that this process may use."""
    processor = platform.processor() or "unknown processor"
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [
            line.partition(":")[2].strip()
            for line in information.read_text().splitlines()
            if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=processor,
        memory_bytes=memory_bytes,
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def provenance(*, command: str, folder: Path = REPOSITORY) -> Provenance:
    """Where figures measured now, by `command`, come from."""
    commit = _git(folder, "rev-parse", "--short=12", "HEAD") or "unknown"
    changed = "+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else ""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Provenance(machine=machine(), commit=commit + changed, measured_at=now, command=command)


def write_report(report: Report, path: Path) -> None:
    """The report is in the file as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(report), indent=2) + "\n")


def read_report(path: Path) -> Report:
    """The report that `write_report` wrote."""
    return report_from_json(json.loads(path.read_text()))


def report_from_json(values: Mapping[str, Any]) -> Report:
    """The report whose `asdict` went through JSON."""
    origin = values["provenance"]
    return Report(
        name=values["name"],
        title=values["title"],
        remarks=tuple(values["remarks"]),
        provenance=Provenance(**{**origin, "machine": Machine(**origin["machine"])}),
        results=tuple(result_from_json(result) for result in values["results"]),
    )


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first column aligned left, the others right."""
    assert all(len(row) == len(columns) for row in rows), "a row of another length than the head"
    lines = [_row(columns), "|" + "|".join(["---", *["---:"] * (len(columns) - 1)]) + "|", *(_row(row) for row in rows)]
    return "\n".join(lines)


def results_table(results: Sequence[Result]) -> str:
    """One row for each result. "others' cores" is how much of the machine went elsewhere meanwhile; it should be near 0."""
    columns = (
        "measurement", "connections", "requests/s", "p50 ms", "p95 ms", "p99 ms", "max ms",
        "server CPU µs", "generator CPU µs", "others' cores", "answers", "not sent", "lost",
    )  # fmt: skip
    rows = [
        (
            result.name,
            f"{result.connections:,}",
            f"{result.per_second:,.0f}" + (f" of {result.rate_per_second:,.0f} due" if result.rate_per_second else ""),
            *(
                f"{value:.1f}"
                for value in (
                    result.latency.p50_ms,
                    result.latency.p95_ms,
                    result.latency.p99_ms,
                    result.latency.max_ms,
                )
            ),
            "–" if result.server_cpu_us_per_answer is None else f"{result.server_cpu_us_per_answer:.0f}",
            f"{result.generator_cpu_us_per_answer:.0f}",
            f"{result.others_cpu_seconds / result.seconds:.2f}",
            _answers(result),
            f"{result.not_sent:,}",
            f"{result.lost + result.unanswered:,}",
        )
        for result in results
    ]
    limited = [f"`{result.name}`" for result in results if result.generator_is_the_limit]
    doubt = (
        f"\n\nThe generator had no time left, so that the server may be faster: {', '.join(limited)}."
        if limited
        else ""
    )
    return markdown_table(columns, rows) + doubt


def provenance_line(origin: Provenance) -> str:
    """One sentence on where figures come from."""
    on = origin.machine
    memory = f"{on.memory_bytes / 2**30:.0f} GiB"
    where = f"{on.cores} cores of {on.processor}, {memory}, {on.kernel}, Python {on.python}"
    what = f"Measured {origin.measured_at} at commit `{origin.commit}` by `{origin.command}`"
    return f"{what} on {where}; generator and server share them."


def source_line(origin: Provenance) -> str:
    """The same in short, for the foot of a plot."""
    on = origin.machine
    return f"{on.cores} cores of {on.processor} · commit {origin.commit} · {origin.measured_at[:10]} · {origin.command}"


def markdown(report: Report, *, table: str | None = None, image: str | None = None) -> str:
    """The block of a report: image, table (of results where none is given), remarks, provenance."""
    parts = [f"![{report.title}]({image})"] if image else []
    parts.append(results_table(report.results) if table is None else table)
    parts.extend(report.remarks)
    parts.append(provenance_line(report.provenance))
    return "\n\n".join(parts)


def replace_block(text: str, *, name: str, block: str) -> str:
    """The text with `block` between the markers of `name`, the rest untouched. Raises `MarkersMissing`."""
    start, end = f"<!-- bench:{name}:start -->", f"<!-- bench:{name}:end -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise MarkersMissing(f"it needs the line {start} and, after it, the line {end}, each once")
    before, after = text[: text.index(start) + len(start)], text[text.index(end) :]
    return f"{before}\n{block}\n{after}"


def write_block(path: Path, *, name: str, block: str) -> None:
    """The document has `block` between the markers of `name`. Raises `MarkersMissing`, and then it is as before."""
    try:
        path.write_text(replace_block(path.read_text(), name=name, block=block))
    except MarkersMissing as missing:
        raise MarkersMissing(f"{path.name}: {missing}") from missing


def bar_chart(*, title: str, description: str, unit: str, bars: Sequence[Bar], source: str) -> str:
    """An SVG of horizontal bars from zero, each with its label and its value; readable on light and on dark."""
    assert 0 < len(bars) <= BARS_MAX, f"bars: 1 to {BARS_MAX}"
    assert all(bar.value >= 0 and 0 <= bar.series < SERIES_MAX for bar in bars)
    label_width = 24 + 7 * max(len(bar.label) for bar in bars)
    bar_width_max = 360
    width, height = label_width + bar_width_max + 110, 66 + 30 * len(bars) + 34
    top = _nice_ceiling(max(bar.value for bar in bars))
    parts = []
    for index, bar in enumerate(bars):
        y = 62 + 30 * index
        length = bar_width_max * bar.value / top
        parts.append(
            f'<text class="text" x="{label_width - 8}" y="{y + 15}" text-anchor="end">{escape(bar.label)}</text>'
        )
        parts.append(
            f'<rect class="fill{bar.series}" x="{label_width}" y="{y}" width="{length:.1f}" height="20" rx="2"/>'
        )
        parts.append(f'<text class="text" x="{label_width + length + 6:.1f}" y="{y + 15}">{_figure(bar.value)}</text>')
    parts.append(f'<text class="quiet" x="{label_width}" y="50">{escape(unit)}</text>')
    return _svg(width=width, height=height, title=title, description=description, source=source, parts=parts)


def line_chart(*, title: str, description: str, x_label: str, y_label: str, lines: Sequence[Line], source: str) -> str:
    """An SVG of lines; y begins at zero, x at its least. Each line has a dash pattern besides its colour."""
    assert 0 < len(lines) <= SERIES_MAX, f"lines: 1 to {SERIES_MAX}"
    assert all(line.points for line in lines), "a line without a point"
    left, top, plot_width, plot_height = 72, 62, 520, 240
    x_low, x_high = _span([x for line in lines for x, _ in line.points])
    y_high = _nice_ceiling(max(y for line in lines for _, y in line.points))
    parts = []
    for step in range(5):
        x, y = left + plot_width * step / 4, top + plot_height * (1 - step / 4)
        parts.append(f'<line class="grid" x1="{left}" x2="{left + plot_width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="quiet" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{_figure(y_high * step / 4)}</text>'
        )
        value = x_low + (x_high - x_low) * step / 4
        parts.append(
            f'<text class="quiet" x="{x:.1f}" y="{top + plot_height + 20}" text-anchor="middle">{_figure(value)}</text>'
        )
    for index, line in enumerate(lines):
        places = [
            (left + plot_width * (x - x_low) / (x_high - x_low), top + plot_height * (1 - y / y_high))
            for x, y in line.points
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="line line{index}" stroke-dasharray="{_DASHES[index]}" points="{path}"/>')
        parts.extend(f'<circle class="fill{index}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places)
        y = top + plot_height + 66 + 20 * index
        ends = f'x1="{left}" x2="{left + 40}" y1="{y}" y2="{y}"'
        parts.append(f'<line class="line line{index}" stroke-dasharray="{_DASHES[index]}" {ends}/>')
        parts.append(f'<text class="text" x="{left + 50}" y="{y + 4}">{escape(line.label)}</text>')
    middle = left + plot_width / 2
    parts.append(f'<text class="quiet" x="{left}" y="50">{escape(y_label)}</text>')
    parts.append(
        f'<text class="quiet" x="{middle}" y="{top + plot_height + 42}" text-anchor="middle">{escape(x_label)}</text>'
    )
    height = top + plot_height + 66 + 20 * len(lines) + 28
    return _svg(
        width=left + plot_width + 48, height=height, title=title, description=description, source=source, parts=parts
    )


def results_chart(report: Report) -> str:
    """An SVG bar for the requests per second of each closed loop; an open loop's rate was chosen, not found."""
    bars = [Bar(label=each.name, value=each.per_second) for each in report.results if each.rate_per_second is None]
    description = "; ".join(f"{bar.label}: {_figure(bar.value)} requests per second" for bar in bars)
    source = source_line(report.provenance)
    return bar_chart(title=report.title, description=description, unit="requests per second", bars=bars, source=source)


def _svg(*, width: int, height: int, title: str, description: str, source: str, parts: Sequence[str]) -> str:
    width = round(max(width, 48 + 6.5 * len(source), 48 + 9 * len(title)))
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(description)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="card" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
            f'<text class="text title" x="20" y="28">{escape(title)}</text>',
            *parts,
            f'<text class="quiet source" x="20" y="{height - 12}">{escape(source)}</text>',
            "</svg>\n",
        )
    )


def _answers(result: Result) -> str:
    refused = ", ".join(f"{count:,} {code}" for code, count in result.codes.items())
    by_status = ", ".join(f"{count:,} × {status}" for status, count in result.statuses.items())
    return f"{by_status} ({refused})" if refused else by_status


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _figure(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.3g}"


def _nice_ceiling(value: float) -> float:
    """The least of 1, 2, 2.5, 5 and 10 times a power of ten that `value` does not exceed; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if value <= step * power)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low, low + 1.0)


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""  # An unpacked archive has no history; its figures say "unknown".
    return done.stdout.strip()


def main() -> None:
    """The report named on the command line stands in the documents and as an image."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.report", description="Put a report's table and plot into the documents."
    )
    parser.add_argument("report", type=Path, help="the JSON file of a report")
    parser.add_argument(
        "--document", type=Path, action="append", default=[], help="a Markdown file with the report's two markers"
    )
    parser.add_argument("--image", type=Path, help="the SVG file to write")
    chosen = parser.parse_args()
    report = read_report(chosen.report)
    if chosen.image is not None:
        chosen.image.parent.mkdir(parents=True, exist_ok=True)
        chosen.image.write_text(results_chart(report))
    for document in chosen.document:
        image = None if chosen.image is None else os.path.relpath(chosen.image, document.parent)
        write_block(document, name=report.name, block=markdown(report, image=image))
    if not chosen.document:
        print(markdown(report))


if __name__ == "__main__":
    main()
