"""A raw HTTP/1.1 client for proofs: one keep-alive connection, one request at a time, and the truth about what was answered."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

HEAD_BYTES_MAX: Final = 64 * 1024
ANSWER_SECONDS_MAX: Final = 30.0


class Lost(Exception):
    """The connection ended before the answer: whether the request took effect is unknown."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that came whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The body."""
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The code of a refusal, empty where it is none."""
        return str(self.json().get("code", "")) if self.status >= 400 else ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that can be sent again, to the byte."""

    method: str
    path: str
    body: Any = None
    key: str | None = None
    token: str | None = None

    def written(self) -> bytes:
        """The request as it goes over the wire."""
        content = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(content)}"]
        if content:
            lines.append("Content-Type: application/json")
        if self.key is not None:
            lines.append(f"Idempotency-Key: {self.key}")
        if self.token is not None:
            lines.append(f"Authorization: Bearer {self.token}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Wire:
    """One connection. It connects when it is needed, and again after it was lost; a request is never repeated by itself."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.host, self.port = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._sent = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()

    def drop(self) -> None:
        """The connection is gone."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def connect(self) -> None:
        """There is a connection. Raises OSError."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port, limit=HEAD_BYTES_MAX)

    async def handed_over(self) -> None:
        """The request that is being sent is with the operating system, to its last byte."""
        while not self._sent or (self._writer is not None and self._writer.transport.get_write_buffer_size()):  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def send(self, ask: Ask) -> Reply:
        """The answer to this request. Raises Lost where none came; ConnectionRefusedError where it was not even sent."""
        await self.connect()
        reader, writer = self._reader, self._writer
        assert reader is not None
        assert writer is not None
        try:
            writer.write(ask.written())
            self._sent = True
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                reply = await _read(reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.drop()
            raise Lost from error
        except BaseException:
            self.drop()
            raise
        if reply.headers.get("connection") == "close":
            self.drop()
        return reply

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, token: str | None = None
    ) -> Reply:
        """The same, without keeping the request."""
        return await self.send(Ask(method, path, body, key=key, token=token))

    async def made(self, path: str, body: Any, *, token: str | None = None, key: str | None = None) -> dict[str, Any]:
        """What a POST created."""
        reply = await self.call("POST", path, body, token=token, key=key)
        assert reply.status == 201, reply.content
        return dict(reply.json())


async def _read(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    return Reply(int(first.split(" ")[1]), headers, content)
