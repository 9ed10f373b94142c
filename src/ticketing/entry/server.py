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
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import click
import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from ticketing.accounts.actions import ensure_admin
from ticketing.base.errors import Refusal
from ticketing.entry.config import Config
from ticketing.entry.jobs import Jobs, jobs_of
from ticketing.entry.logs import set_up_logs
from ticketing.entry.mail import Mail, mail_of
from ticketing.entry.opening import CANNOT_START, NowhereToTell, OpenHouse, open_house
from ticketing.entry.protocol import SHEDDING, SHORT_WAY, WATCHES, BoundedProtocol
from ticketing.entry.secret import refuse_other_secret
from ticketing.entry.supervisor import Supervisor, ended, run_apart
from ticketing.site.app import build_app
from ticketing.site.metrics import Metrics
from ticketing.site.siblings import LEFT_EVERY_SECONDS, Siblings
from ticketing.storage.sql.backup import create_private
from ticketing.web.proxies import BehindProxies, ForwardedHeader

log = structlog.get_logger()

BACKLOG: Final = 4096
"""Connections that may wait to be accepted: the beginning of a sale brings them all at once. The kernel may lower it."""
ACCEPTORS: Final = 32
"""The event loop accepts one connection for each listening socket in a round, and a round of a full house takes 20 to 100 ms: through
one socket, hundreds who came at the beginning of a sale waited for seconds. All of these are the same socket."""
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than proxies and load balancers keep idle connections (60 s), so that they never send into one that just closed."""
STOP_SECONDS_MAX: Final = 20
"""Requests under way may finish for so long after SIGTERM; most service managers kill after thirty."""
JOBS_STOP_SECONDS_MAX: Final = 8
"""Beyond that, for jobs that are in the middle of something; then a worker is killed, still before the service manager kills all."""
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


def make_app(opened: OpenHouse, config: Config, *, siblings: Siblings | None = None) -> ASGIApp:
    """The application with its lifespan: jobs run while it serves, and the store is closed after the last answer.

    One of several processes shows the figures of its siblings with its own.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    app = build_app(opened.house, hosts=config.hosts, log_requests=config.text("log_level") == "debug", keep_pages=True)
    app.state.metrics.siblings = siblings
    outer: ASGIApp = app
    if config.proxies:
        outer = behind = BehindProxies(app, config.proxies, ForwardedHeader(config.text("forwarded_header")))
        app.state.short_way.settle_client = behind.settle_client
    gc.collect()
    gc.freeze()  # what was made until now stays: no collection looks at it again
    gc.set_threshold(ALLOCATIONS_BEFORE_COLLECTION)
    mail = mail_of(opened.house, config)
    app.state.letters = mail.letters
    app.state.wallets = opened.wallets
    return WithLifespan(app, opened, mail, outer=outer)


class WithLifespan:
    """Passes requests on, and starts and stops what belongs to them."""

    def __init__(self, app: FastAPI, opened: OpenHouse, mail: Mail, *, outer: ASGIApp) -> None:
        self._app = app
        self._outer = outer
        self._opened = opened
        self._mail = mail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; a lifespan is lived here."""
        if scope["type"] != "lifespan":
            await self._outer(scope, receive, send)
            return
        await receive()
        opened = self._opened
        mail = self._mail
        jobs = Jobs(opened.house, jobs_of(opened.house, opened.opened.purge, mail))
        jobs.start()
        leaving = asyncio.create_task(_leave_figures(self._app.state.metrics), name="figures")
        scope["state"][SHEDDING] = self._app.state.shedding  # the server hands these to the protocol of each connection
        scope["state"][SHORT_WAY] = self._app.state.short_way
        scope["state"][WATCHES] = self._app.state.watches
        await send({"type": "lifespan.startup.complete"})
        await receive()
        leaving.cancel()
        await jobs.stop()
        await mail.close()
        await opened.store.close()
        self._app.state.passwords.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _leave_figures(metrics: Metrics) -> None:
    while metrics.siblings is not None:
        try:
            metrics.siblings.leave(metrics.collect())
        except OSError as error:  # a full disk is told by the store, and the figures of this process by itself
            log.warning("figures.not_left", error=str(error))
        await asyncio.sleep(LEFT_EVERY_SECONDS)


def serve(
    config: Config,
    *,
    when_prepared: Callable[[OpenHouse], Awaitable[None]] | None = None,
    when_listening: Callable[[], None] = lambda: None,
) -> None:
    """Serves until SIGTERM or SIGINT, and returns when all that was under way is finished and the store is closed.

    Exits with a sentence where it cannot start. `when_prepared` is run once the house is open, before requests are answered.
    """
    _set_up_logs(config)
    _allow_open_files()
    listening = listen(config)
    workers = config.number("workers")
    if workers == 1:
        opened = _opened(config, when_prepared)
        when_listening()
        sys.stdout.flush()
        _serve_here(opened, config, listening, acceptors=ACCEPTORS)
        return

    def prepare_apart() -> None:
        opened = _opened(config, when_prepared)
        asyncio.run(opened.store.close())

    def work(number: int) -> None:
        _set_up_logs(config, worker=number)
        try:
            opened = open_house(config)
        except CANNOT_START as error:
            fail(str(error))
        siblings = Siblings(Path(figures), number)
        _serve_here(opened, config, listening, acceptors=max(1, ACCEPTORS // workers), siblings=siblings)

    # In a process of its own, so that the supervisor, of which each worker is a fork, never has a connection or a thread.
    code = ended(run_apart(prepare_apart))
    if code:
        sys.exit(code if code > 0 else 1)
    when_listening()
    with tempfile.TemporaryDirectory(prefix="ticket-figures-") as figures:
        # Were the socket open here while the workers end, the kernel would go on to take connections that nobody answers.
        seconds = STOP_SECONDS_MAX + JOBS_STOP_SECONDS_MAX
        Supervisor(workers, work, stop_seconds_max=seconds, when_stopping=listening.close).run()


def _opened(config: Config, then: Callable[[OpenHouse], Awaitable[None]] | None) -> OpenHouse:
    """The house, prepared. The process ends with a sentence where it cannot be."""
    try:
        opened = open_house(config)
        asyncio.run(_prepared(opened, config, then))
    except CANNOT_START as error:
        fail(str(error))
    except Refusal as refusal:
        fail(f"The first admin cannot be made: {refusal.detail or refusal}")
    return opened


def _serve_here(
    opened: OpenHouse, config: Config, listening: socket.socket, *, acceptors: int, siblings: Siblings | None = None
) -> None:
    """This process has served until it was told to stop. It listens through so many duplicates of the socket."""
    signal.signal(signal.SIGTERM, _end)  # uvicorn stops in order, then raises the signal again: it ends here, in peace
    sockets = [listening, *(listening.dup() for _ in range(acceptors - 1))]
    with contextlib.suppress(KeyboardInterrupt):
        app = make_app(opened, config, siblings=siblings)
        uvicorn.Server(uvicorn.Config(app, **uvicorn_options(config))).run(sockets=sockets)


def _set_up_logs(config: Config, *, worker: int | None = None) -> None:
    set_up_logs(log_format=config.text("log_format"), level=config.text("log_level"), worker=worker)


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


def listen(config: Config) -> socket.socket:
    """A listening socket: a port that is taken is found before anything else is done."""
    host, port = config.text("host"), config.number("port")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fail(f"Port {port} of {host} is in use. Stop what listens there, or set TICKET_PORT.")
        fail(f"Cannot listen on {host}, port {port}: {error.strerror or error}.")
    # Before anybody duplicates it: `dup` sets what this one has, on all duplicates in all workers. Were it to wait for an instant,
    # while one worker is started again, another could hang in `accept` and with it all its clients.
    listening.setblocking(False)
    return listening


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def fail(sentence: str) -> NoReturn:
    """The process ends with this sentence on standard error and code 1."""
    click.echo(f"ticket: {sentence}", err=True)
    sys.exit(1)
