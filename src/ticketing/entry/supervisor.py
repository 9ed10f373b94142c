"""Several server processes as one: started over one listening socket, started again where one dies, and stopped together."""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any, Final, NoReturn

import structlog

log = structlog.get_logger()

STEADY_SECONDS: Final = 10.0
"""Who lived so long dies of something else than its start, and is started again at once."""
PAUSE_SECONDS_MIN: Final = 0.5
PAUSE_SECONDS_MAX: Final = 30.0
"""Between starts of a worker that dies at once. A database that is down for an hour is asked 120 times, not a million."""


def pause_before_start(*, lived_seconds: float, last_pause: float) -> float:
    """How many seconds a worker that died after `lived_seconds` is not started again; `last_pause` is what it was before."""
    if lived_seconds >= STEADY_SECONDS:
        return 0.0
    return min(max(2 * last_pause, PAUSE_SECONDS_MIN), PAUSE_SECONDS_MAX)


@dataclass(slots=True)
class _Worker:
    """One place for a process: who has it, since when, and when it is to be filled where nobody has it."""

    number: int
    pid: int | None = None
    started_at: float = 0.0
    pause: float = 0.0
    due_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps `count` processes that each run `work` with their number, from 1 on.

    This process does nothing else: it has no threads and holds no connection, so that a fork of it is as good as a new one.
    `stop_seconds_max` is how long a worker may take to end when it is asked to; after that it is killed. `when_stopping` is called before
    they are asked.
    """

    count: int
    work: Callable[[int], None]
    stop_seconds_max: float
    when_stopping: Callable[[], None] = lambda: None
    _workers: list[_Worker] = field(init=False)
    _stopping: bool = False

    def run(self) -> None:
        """All workers have run until SIGTERM or SIGINT, and have ended."""
        self._workers = [_Worker(number) for number in range(1, self.count + 1)]
        woken, wake = os.pipe()
        lifeline, held = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(woken, False)
        for stop in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop, self._stop)
        signal.signal(signal.SIGCHLD, _look_up)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

        def work(number: int) -> None:
            signal.set_wakeup_fd(-1)
            for unused in (woken, wake, held):
                os.close(unused)
            _end_with(lifeline)
            self.work(number)

        while not self._stopping:
            self._fill(work)
            _wait(woken, self._seconds_until_due())
            self._reap()
        self._end_all(woken)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _fill(self, work: Callable[[int], None]) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if worker.pid is None and worker.due_at <= now and not self._stopping:
                worker.started_at = now
                worker.pid = run_apart(partial(work, worker.number))

    def _seconds_until_due(self) -> float | None:
        due = [worker.due_at for worker in self._workers if worker.pid is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _reap(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if worker.pid is None:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if not pid:
                continue
            worker.pid = None
            if self._stopping:
                continue
            worker.pause = pause_before_start(lived_seconds=now - worker.started_at, last_pause=worker.pause)
            worker.due_at = now + worker.pause
            code = os.waitstatus_to_exitcode(status)
            log.error("worker.ended", worker=worker.number, code=code, starts_in_seconds=worker.pause)

    def _end_all(self, woken: int) -> None:
        self.when_stopping()
        self._send_all(signal.SIGTERM)
        deadline = time.monotonic() + self.stop_seconds_max
        while any(worker.pid for worker in self._workers):
            left = deadline - time.monotonic()
            if left <= 0:
                log.error("worker.killed", workers=[worker.number for worker in self._workers if worker.pid])
                self._send_all(signal.SIGKILL)
            _wait(woken, max(left, 0.05))
            self._reap()

    def _send_all(self, what: signal.Signals) -> None:
        for worker in self._workers:
            if worker.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, what)


def run_apart(work: Callable[[], None]) -> int:
    """The id of a new process that does this work and ends; its code is 0, or what `sys.exit` said, or 1 for a mistake."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    for changed in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(changed, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _work_and_end(work)


def ended(pid: int) -> int:
    """The code with which a process of `run_apart` ended, once it has; negative where a signal ended it."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _work_and_end(work: Callable[[], None]) -> NoReturn:
    code: Any = 1
    try:
        work()
        code = 0
    except SystemExit as exiting:
        code = exiting.code
    except KeyboardInterrupt:
        code = 0
    except BaseException as error:
        log.error("worker.failed", exc_info=error)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _end_with(lifeline: int) -> None:
    """This process stops in order when the supervisor is gone: then the other end of the pipe is closed, however that came about."""

    def wait() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def _look_up(_signal: int, _frame: FrameType | None) -> None:
    """A child ended: whoever waits looks up."""


def _wait(woken: int, seconds_max: float | None) -> None:
    select.select([woken], [], [], seconds_max)
    with contextlib.suppress(BlockingIOError):
        while os.read(woken, 512):
            pass
