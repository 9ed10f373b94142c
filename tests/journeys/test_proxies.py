"""A server behind a reverse proxy: it knows its clients apart, as far as it was told whom to believe."""

import json
from pathlib import Path

import pytest

from tests.support.processes import site

SPOOFED = "198.51.100.1"
CLIENT = "203.0.113.7"


@pytest.mark.parametrize(
    ("trusted", "client"), [("127.0.0.0/8", CLIENT), ("1", CLIENT), ("10.0.0.0/8", "127.0.0.1"), ("", "127.0.0.1")]
)
def test_only_the_proxies_that_are_named_are_believed(tmp_path: Path, trusted: str, client: str) -> None:
    here = site(tmp_path, trusted_proxies=trusted, log_level="debug")

    with here.served() as served, served.client() as wire:
        wire.get("/v1/categories", headers={"X-Forwarded-For": f"{SPOOFED}, {CLIENT}", "X-Forwarded-Proto": "https"})

    lines = [json.loads(line) for line in here.output.read_text().splitlines() if line.startswith("{")]
    assert [line["client"] for line in lines if line.get("route") == "/v1/categories"] == [client]


def test_whoever_used_up_a_limit_is_refused_and_the_others_behind_the_proxy_are_not(tmp_path: Path) -> None:
    here = site(tmp_path, trusted_proxies="127.0.0.1", rate_limits="on")

    def statuses(writes: list[str]) -> list[int]:
        with served.client() as wire:
            return [
                wire.post(
                    "/v1/sessions",
                    json={"email": f"user{number}@example.org", "password": "not the right one"},
                    headers={"X-Forwarded-For": written},
                ).status_code
                for number, written in enumerate(writes)
            ]

    with here.served() as served:
        greedy = statuses([f"198.51.100.{number}, {CLIENT}" for number in range(31)])
        other = statuses(["203.0.113.8"])

    assert greedy == [401] * 30 + [429]
    assert other == [401]
