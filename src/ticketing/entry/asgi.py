"""The application for servers that bring their own loop: `uvicorn --factory ticketing.entry.asgi:app`."""

import os
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from ticketing.entry.config import ConfigWrong, read_config
from ticketing.entry.logs import set_up_logs
from ticketing.entry.opening import CANNOT_START, open_house
from ticketing.entry.server import fail, make_app, prepare


def app() -> ASGIApp:
    """The application of the settings in the environment. The process ends with a sentence where it cannot start."""
    try:
        config = read_config(os.environ, folder=Path.cwd())
    except ConfigWrong as wrong:
        fail("these settings are wrong:\n  " + "\n  ".join(wrong.problems))
    set_up_logs(log_format=config.text("log_format"), level=config.text("log_level"))
    try:
        opened = open_house(config)
    except CANNOT_START as error:
        fail(str(error))
    served = make_app(opened, config)
    prepared = False

    async def prepared_first(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal prepared
        if scope["type"] == "lifespan" and not prepared:
            prepared = True
            await prepare(opened, config)
        await served(scope, receive, send)

    return prepared_first
