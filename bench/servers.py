"""What a server and a route layer cost before any work of ours: the same fixed answer through each, one after the other.

The figures behind the choice of server and of route layer. granian is measured where it is installed; nothing else
needs it.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.load import Plan, Result, measure, order_request
from bench.report import Report, markdown, provenance, write_report
from bench.serve import granian_command, serving, uvicorn_command

CONNECTIONS = 128  # As many as the flash sale has.
OPEN_LOOP_CONNECTIONS = 512
OPEN_LOOP_SHARE = 0.7  # Of the peak: the load under which the 99th percentile is asked for.
WARMUP_SECONDS = 1.0
EXAMPLE_ID = "06f3k2v9q8w1x7y5z4a3b2c1d0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to answer an echo."""

    name: str
    command: tuple[str, ...]


def variants() -> list[Variant]:
    """What can be measured with what is installed."""
    echo, starlette = "bench.echo:app", "bench.echo_routes:starlette_app"
    found = [
        Variant(name="uvicorn, bare ASGI", command=tuple(uvicorn_command(echo))),
        Variant(name="uvicorn, Starlette route", command=tuple(uvicorn_command(starlette, factory=True))),
        Variant(
            name="uvicorn, Starlette route with pydantic",
            command=tuple(uvicorn_command("bench.echo_routes:starlette_pydantic_app", factory=True)),
        ),
        Variant(
            name="uvicorn, FastAPI route", command=tuple(uvicorn_command("bench.echo_routes:fastapi_app", factory=True))
        ),
    ]
    if importlib.util.find_spec("granian") is not None:
        found.insert(1, Variant(name="granian, bare ASGI", command=tuple(granian_command(echo))))
        found.append(Variant(name="granian, Starlette route", command=tuple(granian_command(starlette, factory=True))))
    return found


def measure_variant(variant: Variant, *, seconds: float) -> list[Result]:
    """Its peak in a closed loop, then its latency at a share of that peak."""
    request = order_request(run="echo", event_id=f"evt_{EXAMPLE_ID}", ticket_type_id=f"tty_{EXAMPLE_ID}")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(variant.command, stderr_path=Path(folder) / "stderr") as server,
    ):
        closed = Plan(
            name=variant.name,
            host=server.host,
            port=server.port,
            requests=(request,),
            connections=CONNECTIONS,
            seconds=seconds,
            warmup_seconds=WARMUP_SECONDS,
            server_pid=server.pid,
        )
        peak = measure(closed)
        rate = round(OPEN_LOOP_SHARE * peak.per_second)
        steady = replace(
            closed,
            name=f"{variant.name}, at {OPEN_LOOP_SHARE:.0%}",
            connections=OPEN_LOOP_CONNECTIONS,
            rate_per_second=rate,
            backlog_max=rate,  # A second's worth: who waits is measured rather than left out.
        )
        return [peak, measure(steady)]


def quietest(rounds: Sequence[list[Result]]) -> list[Result]:
    """The round beside which the rest of the machine did least, so that figures can be had on a machine with other work."""
    return min(rounds, key=lambda results: sum(result.others_cpu_seconds for result in results))


def main() -> None:
    """Every variant was measured; the table is on stdout, the report in a file where one is named."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.servers", description="Measure servers and route layers with an echo."
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument(
        "--rounds", type=int, default=1, help="how often all are measured, in turn; the quietest is told"
    )
    parser.add_argument("--output", type=Path, help="the JSON file to write the report to")
    chosen = parser.parse_args()
    rounds: dict[Variant, list[list[Result]]] = {variant: [] for variant in variants()}
    for _ in range(chosen.rounds):
        for variant, measured in rounds.items():
            measured.append(measure_variant(variant, seconds=chosen.seconds))
            print(f"{variant.name}: {measured[-1][0].per_second:,.0f} requests/s", flush=True)
    report = Report(
        name="servers",
        title="A fixed answer of 700 bytes through each server and route layer",
        remarks=(
            "Each answers an order's POST with the same body, in one process; uvicorn with uvloop and httptools, granian with uvloop.",
            "Of several rounds, the one beside which the rest of the machine did least is told.",
        ),
        provenance=provenance(command=f"python -m bench.servers --seconds {chosen.seconds:g} --rounds {chosen.rounds}"),
        results=tuple(result for measured in rounds.values() for result in quietest(measured)),
    )
    if chosen.output is not None:
        write_report(report, chosen.output)
    print(markdown(report))


if __name__ == "__main__":
    main()
