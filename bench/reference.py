"""The reference beside the product: the bare echo, served with the very settings with which the product is served.

`python -m bench.reference PORT BYTES`: answers of so many bytes on 127.0.0.1.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from bench.echo import BODY, answering
from bench.serve import HOST
from ticketing.entry.config import read_config
from ticketing.entry.server import uvicorn_options


def reference_command(*, answer_bytes: int) -> list[str]:
    """The command line that serves it; `{port}` is filled in by `bench.serve.start`."""
    return [sys.executable, "-m", "bench.reference", "{port}", str(answer_bytes)]


def body_of(answer_bytes: int) -> bytes:
    """An answer of exactly so many bytes, which looks like an order's as far as it goes."""
    return BODY[:answer_bytes].ljust(answer_bytes)


def main(arguments: Sequence[str]) -> None:
    """Serves until it is told to stop."""
    port, answer_bytes = (int(argument) for argument in arguments)
    options = uvicorn_options(read_config({}, folder=Path("/")))
    config = uvicorn.Config(answering(body_of(answer_bytes)), host=HOST, port=port, log_level="warning", **options)
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(sys.argv[1:])
