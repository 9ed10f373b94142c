"""The server: opens the house, prepares what a first start needs, and serves until it is told to stop."""

import asyncio
import contextlib
import errno
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import click
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from ticketing.accounts.actions import ensure_admin
from ticketing.base.errors import Refusal
from ticketing.entry.config import BY_NAME, Config
from ticketing.entry.jobs import Jobs, jobs_of
from ticketing.entry.logs import set_up_logs
from ticketing.entry.opening import CANNOT_START, NowhereToTell, OpenHouse, open_house
from ticketing.entry.protocol import SHEDDING, SHORT_WAY, BoundedProtocol
from ticketing.entry.secret import refuse_other_secret
from ticketing.site.app import build_app
from ticketing.storage.sql.backup import create_private
from ticketing.web.proxies import BehindProxies, ForwardedHeader

BACKLOG: Final = 4096
"""Connections that may wait to be accepted: the beginning of a sale brings them all at once. The kernel may lower it."""
ACCEPTORS: Final = 32
"""The event loop accepts one connection for each listening socket in a round, and a round of a full house takes 20 to 100 ms: through
one socket, hundreds who came at the beginning of a sale waited for seconds. All of these are the same socket."""
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than proxies and load balancers keep idle connections (60 s), so that they never send into one that just closed."""
STOP_SECONDS_MAX: Final = 20
"""Requests under way may finish for so long after SIGTERM; most service managers kill after thirty."""
SWITCH_SECONDS: Final = 0.0002
"""How long the store's writer may wait for Python's lock while requests are handled. It asks for it some ten times in a batch; with
the usual 5 ms a batch took 55 ms, of which it worked 6."""
ALLOCATIONS_BEFORE_COLLECTION: Final = 20_000
"""An order makes some hundred objects and leaves no cycles: looking for some after every 700 objects, as Python does, finds nothing."""
OPEN_FILES: Final = 65_536
"""A connection is an open file, and the usual limit of 1,024 is few for a sale."""


async def prepare(opened: OpenHouse, config: Config) -> None:
    """The data fits the secret, and there is an admin, whose password is shown where it was made up just now.

    Raises SecretWrong, NowhereToTell, and a Refusal for an admin that cannot be.
    """
    await refuse_other_secret(opened.house)
    if config.optional("admin_password") is None and not sys.stdout.isatty():
        _refuse_unwritable(password_file(config))
    password = await ensure_admin(
        opened.house,
        email=config.text("admin_email"),
        password=config.optional("admin_password"),
        now=opened.house.clock.now(),
    )
    if password is not None:
        show_once(config, password)


def show_once(config: Config, password: str) -> None:
    """The first admin's password is on the terminal, or, where there is none, in a file for its owner alone: never in a log."""
    email = config.text("admin_email")
    if sys.stdout.isatty():
        click.echo(f"First admin: {email}, password {password}\nIt is shown this once. Keep it now.")
        return
    path = password_file(config)
    path.unlink(missing_ok=True)
    create_private(path)
    path.write_text(f"{password}\n", encoding="utf-8")
    click.echo(f"First admin: {email}. The password is in {path}: keep it, and delete the file.")


def password_file(config: Config) -> Path:
    """Where the first admin's password is written if there is no terminal: beside the database file, or under var/ without one."""
    return (config.database_file or Path("var/ticket.db")).with_suffix(".admin-password")


def _refuse_unwritable(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        pass
    else:
        if os.access(path.parent, os.W_OK):
            return
    raise NowhereToTell(f"{path.parent} cannot be written to. Set TICKET_ADMIN_PASSWORD for the first admin.")


def make_app(opened: OpenHouse, config: Config) -> ASGIApp:
    """The application with its lifespan: jobs run while it serves, and the store is closed after the last answer."""
    sys.setswitchinterval(SWITCH_SECONDS)
    app = build_app(opened.house, hosts=config.hosts, log_requests=config.text("log_level") == "debug")
    outer: ASGIApp = app
    if config.proxies:
        outer = behind = BehindProxies(app, config.proxies, ForwardedHeader(config.text("forwarded_header")))
        app.state.short_way.settle_client = behind.settle_client
    gc.collect()
    gc.freeze()  # what was made until now stays: no collection looks at it again
    gc.set_threshold(ALLOCATIONS_BEFORE_COLLECTION)
    return WithLifespan(app, opened, outer=outer)


class WithLifespan:
    """Passes requests on, and starts and stops what belongs to them."""

    def __init__(self, app: FastAPI, opened: OpenHouse, *, outer: ASGIApp) -> None:
        self._app = app
        self._outer = outer
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; a lifespan is lived here."""
        if scope["type"] != "lifespan":
            await self._outer(scope, receive, send)
            return
        await receive()
        opened = self._opened
        jobs = Jobs(opened.house, jobs_of(opened.house, opened.opened.purge))
        jobs.start()
        scope["state"][SHEDDING] = self._app.state.shedding  # the server hands these to the protocol of each connection
        scope["state"][SHORT_WAY] = self._app.state.short_way
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await jobs.stop()
        await opened.store.close()
        self._app.state.passwords.close()
        await send({"type": "lifespan.shutdown.complete"})


def serve(
    config: Config,
    *,
    when_prepared: Callable[[OpenHouse], Awaitable[None]] | None = None,
    when_listening: Callable[[], None] = lambda: None,
) -> None:
    """Serves until SIGTERM or SIGINT, and returns when all that was under way is finished and the store is closed.

    Exits with a sentence where it cannot start. `when_prepared` is run once the house is open, before requests are answered.
    """
    set_up_logs(log_format=config.text("log_format"), level=config.text("log_level"))
    _allow_open_files()
    listening = _listen(config)
    try:
        opened = open_house(config)
        asyncio.run(_prepared(opened, config, when_prepared))
    except CANNOT_START as error:
        fail(str(error))
    except Refusal as refusal:
        fail(f"The first admin cannot be made: {refusal.detail or refusal}")
    when_listening()
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, _end)  # uvicorn stops in order, then raises the signal again: it ends here, in peace
    with contextlib.suppress(KeyboardInterrupt):
        if config.number("workers") == 1:
            acceptors = [listening, *(listening.dup() for _ in range(ACCEPTORS - 1))]
            uvicorn.Server(uvicorn.Config(make_app(opened, config), **uvicorn_options(config))).run(sockets=acceptors)
        else:
            asyncio.run(opened.store.close())  # each worker opens its own
            _hand_down(config)
            workers = config.number("workers")
            bounds = uvicorn_options(config)
            uvicorn.run("ticketing.entry.asgi:app", factory=True, workers=workers, fd=listening.fileno(), **bounds)


async def _prepared(opened: OpenHouse, config: Config, then: Callable[[OpenHouse], Awaitable[None]] | None) -> None:
    await prepare(opened, config)
    if then is not None:
        await then(opened)
    await opened.store.leave_loop()  # the server has a loop of its own


def uvicorn_options(config: Config) -> dict[str, Any]:
    """What uvicorn is told of loop, protocol and bounds."""
    return {
        "root_path": config.text("root_path"),
        "loop": "uvloop",
        "http": BoundedProtocol,
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "backlog": BACKLOG,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": STOP_SECONDS_MAX,
    }


def _listen(config: Config) -> socket.socket:
    """A listening socket: a port that is taken is found before anything else is done."""
    host, port = config.text("host"), config.number("port")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fail(f"Port {port} of {host} is in use. Stop what listens there, or set TICKET_PORT.")
        fail(f"Cannot listen on {host}, port {port}: {error.strerror or error}.")
    listening.set_inheritable(True)
    return listening


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _hand_down(config: Config) -> None:
    """Workers read the environment: what was given otherwise is put there for them."""
    for name, value in config.values.items():
        if value is not None:
            text = ("on" if value else "off") if isinstance(value, bool) else str(value)
            os.environ[BY_NAME[name].variable] = text
    if config.optional("base_url") is None:
        os.environ.pop(BY_NAME["base_url"].variable, None)


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def fail(sentence: str) -> NoReturn:
    """The process ends with this sentence on standard error and code 1."""
    click.echo(f"ticket: {sentence}", err=True)
    sys.exit(1)
