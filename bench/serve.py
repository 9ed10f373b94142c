"""Server processes for measurements and crash proofs: start one, await readiness, read what it uses, stop or kill it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
REPOSITORY = Path(__file__).resolve().parent.parent
READY_POLL_SECONDS = 0.02
HEALTH_TIMEOUT_SECONDS = 2.0
READY_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 15.0
STDERR_TAIL_CHARACTERS = 2_000
CLOCK_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class ServerNotReady(Exception):
    """The process ended, or its health path did not answer 200 before the deadline; says what stood on its stderr."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process and all its living descendants have used since they started.

    `cpu_seconds` is user and system time of all threads, and of children that have ended; its step is 10 ms.
    The peak is a sum of each process's own peak, thus an upper bound when there are several.
    """

    cpu_seconds: float
    resident_bytes: int
    resident_peak_bytes: int


@dataclass(frozen=True, slots=True)
class Server:
    """A running server process that leads a process group of its own."""

    process: subprocess.Popen[bytes]
    host: str
    port: int
    stderr_path: Path

    @property
    def pid(self) -> int:
        """The id of the process that was started; workers are its descendants."""
        return self.process.pid

    def stop(self, *, seconds_max: float = STOP_SECONDS_MAX) -> int:
        """The process has ended: asked by SIGTERM, after `seconds_max` by SIGKILL. Returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=seconds_max)
        self.kill()
        return self.process.returncode

    def kill(self) -> None:
        """The process and every worker it started are gone at once, by SIGKILL: nothing was flushed or closed."""
        with suppress(ProcessLookupError):  # All of the group has ended already.
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def usage(self) -> Usage:
        """What the server has used until now."""
        return usage_of(self.pid)

    def stderr_tail(self) -> str:
        """The last lines that the server wrote to stderr."""
        return _tail(self.stderr_path)


def uvicorn_command(app: str, *, factory: bool = False) -> list[str]:
    """The command line of every measurement under uvicorn: one process, uvloop, httptools, no access log.

    `app` is `module:name`. `{port}` is filled in by `start`.
    """
    options = [
        "--host",
        HOST,
        "--port",
        "{port}",
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--log-level",
        "warning",
    ]
    return [sys.executable, "-m", "uvicorn", app, *options, *(["--factory"] if factory else [])]


def granian_command(app: str, *, factory: bool = False) -> list[str]:
    """The command line of every measurement under granian: ASGI, one worker, uvloop, no access log."""
    options = ["--interface", "asgi", "--host", HOST, "--port", "{port}", "--workers", "1", "--loop", "uvloop"]
    quiet = ["--no-access-log", "--log-level", "warning"]
    return [sys.executable, "-m", "granian", app, *options, *quiet, *(["--factory"] if factory else [])]


def start(
    command: Sequence[str],
    *,
    stderr_path: Path,
    health_path: str = "/health/ready",
    environment: Mapping[str, str] | None = None,
    folder: Path = REPOSITORY,
    cores: frozenset[int] = frozenset(),
    port: int | None = None,
    ready_seconds_max: float = READY_SECONDS_MAX,
) -> Server:
    """The server runs and its health path has answered 200.

    `{port}` in `command` becomes a free port of 127.0.0.1, or `port` where a restart must be found at the same place.
    `environment` is added to ours; `cores`, where given, are the only ones that it may run on. Raises `ServerNotReady`,
    and then nothing is left running.
    """
    chosen = free_port() if port is None else port
    stderr_path.parent.mkdir(parents=True, exist_ok=True)
    with stderr_path.open("ab") as stderr:
        process = subprocess.Popen(
            [part.replace("{port}", str(chosen)) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            start_new_session=True,  # So that `kill` reaches the workers too.
        )
    server = Server(process=process, host=HOST, port=chosen, stderr_path=stderr_path)
    try:
        if cores:
            os.sched_setaffinity(process.pid, cores)
        _wait_until_ready(server, health_path=health_path, seconds_max=ready_seconds_max)
    except BaseException:
        server.kill()
        raise
    return server


@contextmanager
def serving(
    command: Sequence[str],
    *,
    stderr_path: Path,
    health_path: str = "/health/ready",
    environment: Mapping[str, str] | None = None,
    folder: Path = REPOSITORY,
) -> Iterator[Server]:
    """A ready server inside the block, none after it, whatever happened in between."""
    server = start(command, stderr_path=stderr_path, health_path=health_path, environment=environment, folder=folder)
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def usage_of(pid: int) -> Usage:
    """What a process and its living descendants have used, read from /proc. Zeros for a process that is gone."""
    cpu_seconds, resident_bytes, resident_peak_bytes = 0.0, 0, 0
    for member in _family(pid):
        try:
            stat = Path(f"/proc/{member}/stat").read_text()
            status = Path(f"/proc/{member}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # It ended between the listing and the reading.
        # The command's name may hold spaces and brackets; after its last bracket, fields 14 to 17 of proc(5) are
        # utime, stime, cutime, cstime, the last two those of children that have ended.
        fields = stat[stat.rindex(")") + 2 :].split()
        cpu_seconds += sum(int(ticks) for ticks in fields[11:15]) / CLOCK_TICKS_PER_SECOND
        resident_bytes += _kibibytes(status, "VmRSS") * 1024
        resident_peak_bytes += _kibibytes(status, "VmHWM") * 1024
    return Usage(cpu_seconds=cpu_seconds, resident_bytes=resident_bytes, resident_peak_bytes=resident_peak_bytes)


def machine_cpu_seconds() -> float:
    """The processor time since this machine started that was not idle: used by anything, or withheld by its hypervisor."""
    with Path("/proc/stat").open() as lines:
        ticks = [int(count) for count in lines.readline().split()[1:9]]
    _user, _nice, _system, idle, waiting, _interrupt, _soft_interrupt, _stolen = ticks
    return (sum(ticks) - idle - waiting) / CLOCK_TICKS_PER_SECOND


def _family(pid: int) -> list[int]:
    members = [pid]
    for member in members:  # Grows while it is walked: children are appended and visited in turn.
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                members.extend(int(child) for child in children.read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return members


def _kibibytes(status: str, field: str) -> int:
    for line in status.splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    return 0  # A process that has ended and was not waited for yet has no memory.


def _wait_until_ready(server: Server, *, health_path: str, seconds_max: float) -> None:
    deadline = time.monotonic() + seconds_max
    while not _is_ready(server, health_path):
        if server.process.poll() is not None:
            raise ServerNotReady(
                f"it ended with code {server.process.returncode} before it was ready:\n{server.stderr_tail()}"
            )
        if time.monotonic() > deadline:
            raise ServerNotReady(f"{health_path} was not ready after {seconds_max} s:\n{server.stderr_tail()}")
        time.sleep(READY_POLL_SECONDS)


def _is_ready(server: Server, health_path: str) -> bool:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=HEALTH_TIMEOUT_SECONDS)
    try:
        connection.request("GET", health_path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-STDERR_TAIL_CHARACTERS:]
