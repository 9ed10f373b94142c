"""What one scenario found: figures with their aims, the measurements behind them, a chart, and how all of it is written down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.load import Result
from bench.report import Provenance, markdown_table, provenance_line, results_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is asked for. `seconds` is the length of one measurement, `rounds` how often what is compared takes turns."""

    command: str
    seconds: float
    rounds: int
    full: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One finding, as text, and the aim it has; `met` is None where nothing was aimed at."""

    what: str
    value: str
    aim: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of this scenario's own."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that a scenario found. `values` are its figures as numbers, for programs; `charts` are SVG by file name."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    provenance: Provenance
    tables: tuple[Table, ...] = ()
    results: tuple[Result, ...] = ()
    remarks: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    charts: Mapping[str, str] = field(default_factory=dict)

    @property
    def missed(self) -> tuple[Figure, ...]:
        """The figures that are not what was aimed at."""
        return tuple(figure for figure in self.figures if figure.met is False)


def figures_table(figures: Sequence[Figure]) -> str:
    """A Markdown table of figures beside their aims."""
    verdicts = {True: "met", False: "**missed**", None: ""}
    rows = [(figure.what, figure.value, figure.aim, verdicts[figure.met]) for figure in figures]
    return markdown_table(("", "measured", "aim", ""), rows)


def block(outcome: Outcome, *, images: str) -> str:
    """The Markdown of an outcome; its charts lie in the folder `images`."""
    parts = [f"![{outcome.title}]({images}/{name})" for name in outcome.charts]
    parts.append(figures_table(outcome.figures))
    parts += [markdown_table(table.columns, table.rows) for table in outcome.tables]
    if outcome.results:
        parts.append(results_table(outcome.results))
    parts += outcome.remarks
    parts.append(provenance_line(outcome.provenance))
    return "\n\n".join(parts)


def brief_block(outcome: Outcome, *, images: str, details: str) -> str:
    """The same in short, for the README: chart, figures, and where the rest stands."""
    parts = [f"![{outcome.title}]({images}/{name})" for name in outcome.charts]
    parts.append(figures_table(outcome.figures))
    parts.append(f"{provenance_line(outcome.provenance)} How it was measured, and the rest: [{details}]({details}).")
    return "\n\n".join(parts)


def write_outcome(outcome: Outcome, folder: Path) -> None:
    """The outcome is in the folder as JSON, its charts beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = asdict(outcome)
    del content["charts"]
    (folder / f"{outcome.name}.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    for name, chart in outcome.charts.items():
        (folder / name).write_text(chart)
