"""`make bench`: every scenario is measured, and what it found stands in JSON, in docs/performance.md and in the README."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from bench.outcome import Options, Outcome, block, brief_block, figures_table, write_outcome
from bench.progress import say
from bench.report import MarkersMissing, write_block
from bench.scenarios import (
    cold_start,
    dynamodb,
    flash,
    growth,
    mail,
    memory,
    overload,
    pages,
    postgres,
    reads,
    sold_out,
)
from bench.serve import REPOSITORY

SCENARIOS: Mapping[str, Callable[[Options], Outcome]] = {
    flash.NAME: flash.run,
    sold_out.NAME: sold_out.run,
    overload.NAME: overload.run,
    reads.NAME: reads.run,
    pages.NAME: pages.run,
    growth.NAME: growth.run,
    mail.NAME: mail.run,
    memory.NAME: memory.run,
    postgres.NAME: postgres.run,
    dynamodb.NAME: dynamodb.run,
    cold_start.NAME: cold_start.run,
}
LOCAL = REPOSITORY / "bench" / "results" / "local"
PUBLISHED = REPOSITORY / "docs" / "performance"
DOCUMENT = REPOSITORY / "docs" / "performance.md"
README = REPOSITORY / "README.md"
IN_README = (flash.NAME,)


def publish(outcome: Outcome) -> None:
    """JSON and charts are in docs/performance/, the tables in the documents, each where its markers are."""
    write_outcome(outcome, PUBLISHED)
    write_block(DOCUMENT, name=outcome.name, block=block(outcome, images="performance"))
    if outcome.name in IN_README:
        text = brief_block(outcome, images="docs/performance", details="docs/performance.md")
        write_block(README, name=outcome.name, block=text)


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, or 1 where an aim was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=SCENARIOS, action="append", help="measure this scenario; may be repeated")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement (default: 5)")
    parser.add_argument("--rounds", type=int, default=4, help="how often what is compared takes turns (default: 4)")
    parser.add_argument(
        "--full", action="store_true", help="with ten million orders too: long, and needs 30 GB of disk"
    )
    parser.add_argument(
        "--keep-documents",
        action="store_true",
        help="leave docs/performance.md, docs/performance/ and the README alone",
    )
    chosen = parser.parse_args(arguments)
    options = Options(
        command=" ".join(("python -m bench", *arguments)),
        seconds=chosen.seconds,
        rounds=chosen.rounds,
        full=chosen.full,
    )
    missed = 0
    for name in chosen.only or SCENARIOS:
        outcome = SCENARIOS[name](options)
        write_outcome(outcome, LOCAL)
        print(f"\n{outcome.title}\n\n{figures_table(outcome.figures)}\n", flush=True)
        missed += len(outcome.missed)
        if not chosen.keep_documents:
            try:
                publish(outcome)
            except MarkersMissing as missing:
                say(name, str(missing))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
