"""A mail server for measurements, in a process of its own: takes every mail and keeps none. `python -m bench.mailbox PORT`."""

from __future__ import annotations

import asyncio
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session

from bench.serve import HOST


class Taking:
    """Takes what it is handed."""

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Says that the mail was taken."""
        return "250 OK"


async def serve(port: int) -> None:
    """Takes mails until the process ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Taking(), enable_SMTPUTF8=True, loop=loop), HOST, port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
