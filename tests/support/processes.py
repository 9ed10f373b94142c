"""Ticket as a process: its commands run to their end, its server run beside a test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.serve import Server, serving

TICKET = (sys.executable, "-m", "ticketing")


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with Ticket's data, and the settings of every command that is run in it."""

    folder: Path
    settings: dict[str, str]

    @property
    def database(self) -> Path:
        """Where the data lies."""
        return self.folder / "var" / "ticket.db"

    @property
    def output(self) -> Path:
        """Everything that servers wrote, on standard output and standard error."""
        return self.folder / "output.txt"

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a command: ours without settings of its own, and the site's."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TICKET_")}
        settings = {f"TICKET_{name.upper()}": value for name, value in (self.settings | more).items()}
        return ours | settings

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A command that was run to its end."""
        return subprocess.run(
            [*TICKET, *arguments],
            cwd=self.folder,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @contextmanager
    def served(self, command: str = "serve", **more: str) -> Iterator["Served"]:
        """A server that is ready, and stopped afterwards."""
        with serving(
            [*TICKET, command, "--port", "{port}"],
            stderr_path=self.output,
            environment=self.environment(**more),
            folder=self.folder,
        ) as server:
            yield Served(self, server)


def site(folder: Path, **settings: str) -> Site:
    """An empty site."""
    folder.mkdir(parents=True, exist_ok=True)
    return Site(folder, {"admin_password": "a long enough password", "rate_limits": "off"} | settings)


@dataclass(frozen=True, slots=True)
class Served:
    """A running server, and what a client does with it."""

    site: Site
    server: Server

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.server.host}:{self.server.port}"

    def client(self, token: str | None = None) -> httpx.Client:
        """A client of it, logged in where a token is given."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def admin(self) -> httpx.Client:
        """A client that is logged in as the first admin."""
        credentials = {"email": "admin@ticket.localhost", "password": self.site.settings["admin_password"]}
        with self.client() as stranger:
            answer = stranger.post("/v1/sessions", json=credentials)
        assert answer.status_code == 201, answer.text
        return self.client(answer.json()["token"])

    def on_sale(self, *, quantity: int, price: int = 0, name: str = "Concert") -> dict[str, Any]:
        """A published event of this name with one ticket type: `event_id` and `ticket_type_id`."""
        with self.admin() as admin:
            venue = created(admin.post("/v1/venues", json={"venue_name": "Arena", "timezone": "Europe/Vienna"}))
            event = created(
                admin.post(
                    "/v1/events",
                    json={
                        "event_name": name,
                        "start_date_time": "2097-05-01T18:00:00Z",
                        "end_date_time": "2097-05-01T20:00:00Z",
                        "timezone": "Europe/Vienna",
                        "currency": "EUR",
                        "venue_id": venue["venue_id"],
                    },
                )
            )
            ticket_type = created(
                admin.post(
                    f"/v1/events/{event['event_id']}/ticket-types",
                    json={
                        "ticket_type": "Standing",
                        "price": {"amount": price, "currency": "EUR"},
                        "quantity": quantity,
                    },
                )
            )
            published = admin.post(f"/v1/events/{event['event_id']}/publish")
            assert published.status_code == 200, published.text
        return {"event_id": event["event_id"], "ticket_type_id": ticket_type["ticket_type_id"]}

    def left(self, offer: dict[str, Any]) -> int:
        """How many of the ticket type are left."""
        with self.client() as stranger:
            count: int = stranger.get(f"/v1/ticket-types/{offer['ticket_type_id']}").json()["quantity_available"]
        return count


def created(answer: httpx.Response) -> dict[str, Any]:
    """The body of a 201."""
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def order(client: httpx.Client, offer: dict[str, Any], *, buyer: str, quantity: int = 1) -> httpx.Response:
    """An order of a guest, under a key of its own."""
    return client.post(
        "/v1/orders",
        headers={"Idempotency-Key": f"order of {buyer}"},
        json={
            "event_id": offer["event_id"],
            "lines": [{"ticket_type_id": offer["ticket_type_id"], "quantity": quantity}],
            "customer": {"email": f"{buyer}@example.org", "first_name": "Ada", "last_name": "Example"},
        },
    )
