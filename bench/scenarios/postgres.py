"""Flash sale on PostgreSQL: one, two and four server processes on one hot ticket type, beside a hand-written minimal sale by pgbench."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.load import Plan, Result, measure, order_request
from bench.outcome import Figure, Options, Outcome, Table
from bench.progress import say
from bench.report import Bar, bar_chart, provenance, source_line
from bench.serve import Server, serving
from bench.stage import ADMIN_EMAIL, STAGES, Offered, put_on_sale

NAME = "postgres"
TITLE = "Flash sale on PostgreSQL: orders over HTTP beside a minimal sale by pgbench"
PROCESSES = (1, 2, 4)
CLIENTS = (16, 64, 512)
REFERENCE_CLIENTS = (16, 64)
QUANTITY = 100_000
WARMUP_SECONDS = 1.0
RATIO_AIM = 1.0
NO_COLLAPSE_SHARE = 0.8
"""Of the orders a second at 64 clients, so many are to be left at 512."""

TABLES = """
create table minimal_tickets (ticket_id integer primary key, quantity_available integer not null);
create table minimal_orders (order_id bigserial primary key, ticket_id integer not null, customer_email text not null,
  total_amount integer not null, ordered_at timestamptz not null default now());
create table minimal_lines (order_id bigint not null references minimal_orders, ticket_id integer not null,
  quantity integer not null, amount integer not null, primary key (order_id, ticket_id));
insert into minimal_tickets values (1, 1000000000);
"""
MINIMAL_SALE = """\\set buyer random(1, 1000000000)
begin;
update minimal_tickets set quantity_available = quantity_available - 1 where ticket_id = 1 and quantity_available >= 1;
insert into minimal_orders (ticket_id, customer_email, total_amount) values (1, 'buyer' || :buyer || '@example.org', 2500)
  returning order_id \\gset
insert into minimal_lines values (:order_id, 1, 1, 2500);
commit;
"""
ONE_STATEMENT = """\\set buyer random(1, 1000000000)
with taken as (update minimal_tickets set quantity_available = quantity_available - 1
  where ticket_id = 1 and quantity_available >= 1 returning ticket_id),
ordered as (insert into minimal_orders (ticket_id, customer_email, total_amount)
  select ticket_id, 'buyer' || :buyer || '@example.org', 2500 from taken returning order_id)
insert into minimal_lines select order_id, 1, 1, 2500 from ordered;
"""
SCRIPTS: Mapping[str, str] = {"five statements": MINIMAL_SALE, "one statement": ONE_STATEMENT}


@dataclass(frozen=True, slots=True)
class Stage:
    """A house on a PostgreSQL of its own, and the programs that came with that."""

    folder: Path
    url: str
    pgbench: Path

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which it is filled and served."""
        return {
            "TICKET_DATABASE_URL": self.url,
            "TICKET_SECRET": "only for measurements, which nobody attacks",
            "TICKET_RATE_LIMITS": "off",  # All comes from one address.
            "TICKET_TEST_MODE": "on",
            "TICKET_ADMIN_EMAIL": ADMIN_EMAIL,
            "TICKET_ADMIN_PASSWORD": "only for measurements",
            "TICKET_LOG_LEVEL": "warning",
        }

    def filled(self, count: int) -> list[Offered]:
        """So many events are on sale."""
        from ticketing.entry.config import read_config
        from ticketing.entry.opening import open_house
        from ticketing.entry.server import prepare

        config = read_config(self.environment, folder=self.folder)
        opened = open_house(config)

        async def fill() -> list[Offered]:
            await prepare(opened, config)
            offered = await put_on_sale(opened.house, [QUANTITY] * count)
            await opened.store.close()
            return offered

        return asyncio.run(fill())

    @contextmanager
    def served(self, processes: int) -> Iterator[Server]:
        """So many server processes of this house, ready."""
        command = [sys.executable, "-m", "ticketing", "serve", "--port", "{port}", "--workers", str(processes)]
        log = self.folder / "server.log"
        with serving(command, stderr_path=log, environment=self.environment, folder=self.folder) as server:
            yield server

    def told(self, statement: str, *values: Any) -> int:
        """The number that a query finds."""

        async def ask() -> Any:
            connection = await _connected(self.url)
            try:
                return await connection.fetchval(statement, *values)
            finally:
                await connection.close()

        return int(asyncio.run(ask()))

    def reference(self, script: str, *, clients: int, seconds: float) -> float:
        """How many minimal sales a second pgbench makes."""
        path = self.folder / "sale.sql"
        path.write_text(SCRIPTS[script])
        words = [
            "-n",
            "-M",
            "prepared",
            "-f",
            str(path),
            "-c",
            str(clients),
            "-j",
            "2",
            "-T",
            str(max(1, round(seconds))),
        ]
        done = subprocess.run([self.pgbench, *words, self.url], capture_output=True, text=True, check=True)
        found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        assert found is not None, done.stdout
        return float(found[1])


async def _connected(url: str) -> Any:
    import asyncpg

    return await asyncpg.connect(url)


@contextmanager
def stage() -> Iterator[Stage]:
    """A house on a new server that makes every commit durable, on the disk of this checkout; nothing of it afterwards."""
    # Servers for measurements come from where those for tests come from; only here, so that the rest of `bench` needs neither.
    from tests.support.postgres import binaries, own_server

    STAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="postgres-", dir=STAGES) as folder,
        own_server(within=STAGES, is_durable=True) as server,
    ):
        url = f"{server.url}/postgres"

        async def make() -> None:
            connection = await _connected(url)
            await connection.execute(TABLES)
            await connection.close()

        asyncio.run(make())
        yield Stage(Path(folder), url, binaries() / "pgbench")


@dataclass(slots=True)
class Measured:
    """Orders by processes and clients, and the references by script and clients; each a list of rounds."""

    orders: dict[tuple[int, int], list[Result]] = field(default_factory=dict)
    references: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    acknowledged: dict[Offered, int] = field(default_factory=dict)

    def per_second(self, processes: int, clients: int) -> float:
        """The median of the rounds."""
        return median(result.per_second for result in self.orders[processes, clients])

    def reference(self, script: str, clients: int) -> float:
        """The median of the rounds."""
        return median(self.references[script, clients])


def run(options: Options) -> Outcome:
    """The sale was held on PostgreSQL."""
    with stage() as house:
        offers = iter(house.filled(options.rounds * len(PROCESSES) * (len(CLIENTS) + 1)))
        measured = Measured()
        for turn in range(1, options.rounds + 1):
            for processes in PROCESSES:
                with house.served(processes) as server:
                    _measure(server, next(offers), measured, f"warm-up {turn}", processes, 64, WARMUP_SECONDS)
                    for clients in CLIENTS:
                        name = f"{_processes(processes)}, {clients} clients, {turn}"
                        result = _measure(server, next(offers), measured, name, processes, clients, options.seconds)
                        measured.orders.setdefault((processes, clients), []).append(result)
                        say(NAME, f"{name}: {result.per_second:,.0f}/s, p99 {result.latency.p99_ms} ms")
            for script in SCRIPTS:
                for clients in REFERENCE_CLIENTS:
                    tps = house.reference(script, clients=clients, seconds=options.seconds)
                    measured.references.setdefault((script, clients), []).append(tps)
                    say(NAME, f"pgbench, {script}, {clients} clients, {turn}: {tps:,.0f}/s")
        return _outcome(options, measured, house)


def _measure(
    server: Server, offered: Offered, measured: Measured, name: str, processes: int, clients: int, seconds: float
) -> Result:
    run_name = re.sub(r"[^a-z0-9]+", "-", f"{name} {processes}")
    request = order_request(run=run_name, event_id=offered.event_id, ticket_type_id=offered.ticket_type_id)
    plan = Plan(
        name=name,
        host=server.host,
        port=server.port,
        requests=(request,),
        connections=clients,
        seconds=seconds,
        requests_max=offered.quantity - 1,
        server_pid=server.pid,
    )
    result = measure(plan)
    assert result.lost == result.unanswered == 0, f"{name}: {result.lost} lost, {result.unanswered} unanswered"
    measured.acknowledged[offered] = result.statuses.get("201", 0)
    return result


def _outcome(options: Options, measured: Measured, house: Stage) -> Outcome:
    told = sum(measured.acknowledged.values())
    sold = sum(
        offered.quantity
        - house.told("select quantity_available from tickets where ticket_id = $1", offered.ticket_type_id)
        for offered in measured.acknowledged
    )
    stored = house.told("select count(*) from orders")
    best = max(PROCESSES, key=lambda processes: measured.per_second(processes, 16))
    reference, shortest = (measured.reference(script, 16) for script in SCRIPTS)
    ratio = measured.per_second(best, 16) / reference
    kept = {
        processes: measured.per_second(processes, 512) / measured.per_second(processes, 64) for processes in PROCESSES
    }
    origin = provenance(command=options.command)
    rows = [
        *(_row(f"orders, {_processes(number)}", partial(measured.per_second, number)) for number in PROCESSES),
        *(_row(f"pgbench, {script}", partial(measured.reference, script)) for script in SCRIPTS),
    ]
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=origin,
        figures=(
            Figure(
                what=f"orders per second over HTTP, 16 clients ({_processes(best)})",
                value=f"{measured.per_second(best, 16):,.0f}",
            ),
            Figure(what="minimal sales per second by pgbench, 16 clients", value=f"{reference:,.0f}"),
            Figure(what="the same as one statement each", value=f"{shortest:,.0f}"),
            Figure(
                what="orders to minimal sales",
                value=f"{ratio:.2f}",
                aim=f"at least {RATIO_AIM:.0f}",
                met=ratio >= RATIO_AIM,
            ),
            Figure(
                what="what is left of 64 clients' orders per second at 512, by processes",
                value=", ".join(f"{processes}: {share:.2f}" for processes, share in kept.items()),
                aim=f"at least {NO_COLLAPSE_SHARE}",
                met=min(kept.values()) >= NO_COLLAPSE_SHARE,
            ),
            Figure(
                what="places sold, orders stored, orders acknowledged",
                value=f"{sold:,}, {stored:,}, {told:,}",
                aim="the same",
                met=sold == stored == told,
            ),
        ),
        tables=(
            Table(columns=("median per second", *(f"{clients} clients" for clients in CLIENTS)), rows=tuple(rows)),
        ),
        results=tuple(result for results in measured.orders.values() for result in results),
        remarks=(
            "One hot ticket type in each measurement, a fresh one, with a capacity and a limit for each customer. All is on one "
            "machine: PostgreSQL, the server processes, and the generator or pgbench; PostgreSQL's time stands under others' cores. "
            "Its settings are the defaults (`fsync` and `synchronous_commit` on), its data on the disk of the checkout.",
            "pgbench's sale (`-M prepared`) takes one from the hot row and inserts an order and a line: as five statements in a "
            "transaction, as a web application does it by hand, and as one statement. It has no limit for each customer, no "
            "idempotency key, no rules and no HTTP.",
        ),
        values={
            "ratio": ratio,
            **{f"orders_{p}_{c}": measured.per_second(p, c) for p in PROCESSES for c in CLIENTS},
            **{f"pgbench_{s.split()[0]}_{c}": measured.reference(s, c) for s in SCRIPTS for c in REFERENCE_CLIENTS},
        },
        charts={
            "postgres.svg": bar_chart(
                title=TITLE,
                description=f"{measured.per_second(best, 16):,.0f} orders per second beside {reference:,.0f} minimal sales by pgbench",
                unit="per second",
                bars=_bars(measured),
                source=source_line(origin),
            )
        },
    )


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"


def _row(name: str, figure: Callable[[int], float]) -> tuple[str, ...]:
    cells = []
    for clients in CLIENTS:
        try:
            cells.append(f"{figure(clients):,.0f}")
        except KeyError:
            cells.append("")
    return (name, *cells)


def _bars(measured: Measured) -> Sequence[Bar]:
    orders = [
        Bar(label=f"orders, {_processes(processes)}, {clients} clients", value=measured.per_second(processes, clients))
        for processes in PROCESSES
        for clients in CLIENTS
    ]
    references = [
        Bar(label=f"pgbench, {script}, {clients} clients", value=measured.reference(script, clients), series=1)
        for script in SCRIPTS
        for clients in REFERENCE_CLIENTS
    ]
    return [*orders, *references]
