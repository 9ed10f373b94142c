"""How log lines are written: JSON, or coloured on a terminal; with the request's id, and nothing personal."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import Processor

from ticketing.site.requests import REQUEST_ID

QUIET: Final = ("uvicorn", "uvicorn.error", "asyncio")
"""Libraries that are heard from warnings on: what they tell beside that, `ticket` tells itself."""


def set_up_logs(*, log_format: str, level: str, stream: TextIO | None = None, worker: int | None = None) -> None:
    """Log lines go to standard error (or `stream`), from `level` on. `log_format` is auto, console or json.

    Where there are several server processes, `worker` says which one this is, and each of its lines says so.
    """
    stream = sys.stderr if stream is None else stream
    console = log_format == "console" or (log_format == "auto" and stream.isatty())
    renderer: Any
    if console:
        # Plain tracebacks: the prettier ones show local variables, and with them what people told us.
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    else:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            _with_request_id,
            *([] if worker is None else [_with_worker(worker)]),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if console else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    root.setLevel(logging.WARNING)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _with_request_id(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    request_id = REQUEST_ID.get()
    if request_id:
        line["request_id"] = request_id.decode()
    return line


def _with_worker(worker: int) -> Processor:
    def add(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["worker"] = worker
        return line

    return add


class _ToStructlog(logging.Handler):
    """What libraries log goes the same way."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
        )
