"""Log lines: JSON for machines, with the request's id, and without what people told us."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ticketing.entry.logs import set_up_logs
from ticketing.site.requests import REQUEST_ID


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_and_the_request_id() -> None:
    stream = io.StringIO()
    set_up_logs(log_format="json", level="info", stream=stream)
    token = REQUEST_ID.set(b"abc-1")

    structlog.get_logger().info("store.migrated", before="0001")
    REQUEST_ID.reset(token)

    (line,) = lines(stream)
    assert (line["event"], line["level"], line["request_id"], line["before"]) == (
        "store.migrated",
        "info",
        "abc-1",
        "0001",
    )
    assert line["timestamp"].endswith("Z")


def test_lines_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    set_up_logs(log_format="json", level="warning", stream=stream)

    structlog.get_logger().info("unheard")

    assert stream.getvalue() == ""


def test_libraries_are_heard_the_same_way_from_warnings_on() -> None:
    stream = io.StringIO()
    set_up_logs(log_format="json", level="info", stream=stream)

    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")

    assert [(line["event"], line["logger"]) for line in lines(stream)] == [
        ("Invalid HTTP request received.", "uvicorn.error")
    ]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_does_not_show_the_values_of_variables(log_format: str) -> None:
    stream = io.StringIO()
    set_up_logs(log_format=log_format, level="info", stream=stream)

    def buy(email: str) -> None:
        raise RuntimeError("broken")

    try:
        buy("ada" + "@example.org")
    except RuntimeError as error:
        structlog.get_logger().error("request.failed", exc_info=error)

    assert "RuntimeError" in stream.getvalue()
    assert "ada@example.org" not in stream.getvalue()
