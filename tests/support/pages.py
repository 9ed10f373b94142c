"""A browser without scripts: it keeps cookies, reads forms and sends them as people do who press a button."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.support.houses import Api


class PlainBrowser:
    """A browser of its own at the site of an API."""

    def __init__(self, api: Api, *, language: str = "en") -> None:
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=api.app, raise_app_exceptions=False),
            base_url=api.house.settings.base_url,
            headers={"Accept": "text/html", "Accept-Language": language},
        )

    async def get(self, path: str) -> httpx.Response:
        """The answer to this path; nothing is followed."""
        return await self.client.get(path)

    async def open(self, path: str) -> str:
        """The text of a page that is there."""
        answer = await self.get(path)
        assert answer.status_code == 200, f"{answer.status_code} {answer.headers.get('location')}"
        return answer.text

    async def send(self, page: str, action: str, fields: Mapping[str, str], **headers: str) -> httpx.Response:
        """The form of this page whose action ends so, with its hidden fields and these."""
        for form in re.findall(r"<form[^>]*>.*?</form>", page, flags=re.S):
            target = re.search(r'<form[^>]* action="([^"]*)"', form)
            if target is not None and 'method="post"' in form and unescape(target[1]).endswith(action):
                hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
                sent = {name: unescape(value) for name, value in hidden} | dict(fields)
                return await self.post(unescape(target[1]), sent, **headers)
        raise AssertionError(f"no form leads to {action}")

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> httpx.Response:
        """A form as a browser sends it."""
        told: dict[str, Any] = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "same-origin",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=urlencode(fields), headers=told)

    async def press(self, path: str, action: str, **fields: str) -> httpx.Response:
        """The page of this path is opened, and its form whose action ends so is filled in and sent."""
        return await self.send(await self.open(path), action, fields)

    def be(self, token: str) -> None:
        """It is logged in with this token, as if it had been all the time."""
        self.client.cookies.set("session", token, domain=self.client.base_url.host, path="/")

    @property
    def session(self) -> str | None:
        """The token of the log-in that it has."""
        return self.client.cookies.get("session")


def words(page: str) -> str:
    """What a page says, without its mark-up."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page.partition("<body>")[2], flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())
