"""Work of the processor that an answer needs, such as a PDF: in a thread of its own, so that the event loop sells on."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends
from starlette.requests import Request

from ticketing.base.bounds import DRAWINGS_WAITING_MAX
from ticketing.base.store import Busy

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Drawing:
    """One thread that draws, one thing after the other; what waits is bounded, and what comes past the bound gets Busy."""

    def __init__(self, *, waiting_max: int = DRAWINGS_WAITING_MAX) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawing")
        self._free = BoundedSemaphore(waiting_max)

    async def of(self, draw: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """What `draw` returns. Raises Busy."""
        if not self._free.acquire(blocking=False):
            raise Busy

        def free(_done: Future[Result]) -> None:
            self._free.release()

        future = self._thread.submit(draw, *args, **kwargs)
        future.add_done_callback(free)
        return await asyncio.wrap_future(future)


async def _drawing_of(request: Request) -> Drawing:
    drawing: Drawing = request.app.state.drawing
    return drawing


TheDrawing = Annotated[Drawing, Depends(_drawing_of)]
