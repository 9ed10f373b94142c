"""Server processes that are there at once: one process has imported everything, and each server is a fork of it that then does all
that `ticket serve` does. A proof that starts thirty servers would else spend its time on imports.

Run as a module, it is the process that forks: it reads a line of JSON for each server, and answers with the server's process id.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from bench.serve import free_port
from tests.support.processes import Site
from tests.support.wire import Ask, Lost, Wire

READY_SECONDS_MAX = 30.0
POLL_SECONDS = 0.005


@dataclass(slots=True)
class Born:
    """A running server."""

    site: Site
    port: int
    pid: int

    def kill(self) -> None:
        """It is gone at once, by SIGKILL."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """It has ended, asked by SIGTERM."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        self.wait()

    def wait(self, seconds_max: float = 30.0) -> None:
        """It has ended."""
        deadline = time.monotonic() + seconds_max
        while Path(f"/proc/{self.pid}").exists():
            assert time.monotonic() < deadline, f"server {self.pid} does not end"
            time.sleep(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class Offer:
    """A published event with one ticket type, and the session of who runs it."""

    event_id: str
    ticket_type_id: str
    organizer: str

    def body(self, buyer: str, quantity: int = 1) -> dict[str, Any]:
        """The body of an order of a guest, whose name is that of the address."""
        return {
            "event_id": self.event_id,
            "lines": [{"ticket_type_id": self.ticket_type_id, "quantity": quantity}],
            "customer": {"email": f"{buyer}@example.org", "first_name": "Ada", "last_name": "Example"},
        }


async def put_on_sale(born: Born, *, quantity: int, price: int = 2500, limit: int | None = None) -> Offer:
    """So many places are on sale at `price` euro cents, at most `limit` for each customer."""
    async with Wire(born.port) as wire:
        login = {"email": "admin@ticket.localhost", "password": born.site.settings["admin_password"]}
        token = (await wire.made("/v1/sessions", login))["token"]
        about = {
            "event_name": "Concert",
            "start_date_time": "2097-05-01T18:00:00Z",
            "end_date_time": "2097-05-01T20:00:00Z",
            "timezone": "Europe/Vienna",
            "currency": "EUR",
            "tickets_per_customer_max": limit,
        }
        event = await wire.made("/v1/events", about, token=token)
        path = f"/v1/events/{event['event_id']}"
        wanted = {"ticket_type": "Standing", "price": {"amount": price, "currency": "EUR"}, "quantity": quantity}
        ticket_type = await wire.made(f"{path}/ticket-types", wanted, token=token)
        assert (await wire.call("POST", f"{path}/publish", token=token)).status == 200
    return Offer(event["event_id"], ticket_type["ticket_type_id"], token)


class Nursery:
    """Starts servers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._born: list[Born] = []

    async def serve(self, site: Site, *, port: int | None = None, **settings: str) -> Born:
        """A server of this site, which is ready."""
        port = free_port() if port is None else port
        order = {
            "arguments": ["serve", "--port", str(port)],
            "folder": str(site.folder),
            "output": str(site.output),
            "environment": site.environment(**settings),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        born = Born(site, port, int(self._process.stdout.readline()))
        self._born.append(born)
        await self._ready(born)
        return born

    async def _ready(self, born: Born) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        async with Wire(born.port) as wire:
            while time.monotonic() < deadline:
                with suppress(Lost, OSError):
                    if (await wire.send(Ask("GET", "/health/ready"))).status == 200:
                        return
                assert Path(f"/proc/{born.pid}").exists(), f"it did not start:\n{born.site.output.read_text()[-2000:]}"
                await asyncio.sleep(POLL_SECONDS)
        raise AssertionError(f"it was not ready in time:\n{born.site.output.read_text()[-2000:]}")

    def close(self) -> None:
        """No server is left, nor this."""
        for born in self._born:
            born.kill()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@contextmanager
def nursery() -> Iterator[Nursery]:
    """A nursery, and nothing of it afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.nursery"],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    opened = Nursery(process)
    try:
        yield opened
    finally:
        opened.close()


def _be_born(order: dict[str, Any]) -> NoReturn:
    """This process becomes what the order says, to its end."""
    from ticketing.entry.cli import main

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(order["output"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    code: Any = 1
    try:
        main(order["arguments"])
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _serve_orders() -> None:
    import uvloop  # noqa: F401

    import ticketing.entry.server  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ends is gone, and leaves nothing to be waited for
    born: list[int] = []
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _be_born(order)
        born.append(pid)
        print(pid, flush=True)
    for pid in born:  # whoever asked for them is gone
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _serve_orders()
