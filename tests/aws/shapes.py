"""Events as API Gateway sends them, made of requests: every kind of API, payload, stage and domain that Ticket is to stand behind."""

import contextlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import httpx

STAGE: Final = "dev"
DOMAIN: Final = "lk2dwt8fpa.execute-api.ap-southeast-2.amazonaws.com"
OWN_DOMAIN: Final = "tickets.example.org"
CLIENT: Final = "203.0.113.7"
TIME: Final = "01/Mar/2027:12:00:00 +0000"
EPOCH: Final = 1803988800000

Event = dict[str, Any]
Shape = Callable[[httpx.Request], Event]


def _body(request: httpx.Request, *, in_base64: bool) -> Event:
    """The body; in base64 always where it is no text."""
    content = request.content
    if not content:
        return {"body": None, "isBase64Encoded": False}
    with contextlib.suppress(UnicodeDecodeError):
        if not in_base64:
            return {"body": content.decode(), "isBase64Encoded": False}
    return {"body": b64encode(content).decode(), "isBase64Encoded": True}


def _added_headers(host: str) -> list[tuple[str, str]]:
    """What API Gateway adds to every request; what a client claims of its address stands first in X-Forwarded-For."""
    return [
        ("Host", host),
        ("X-Amzn-Trace-Id", "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e"),
        ("X-Forwarded-For", f"198.51.100.66, {CLIENT}"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]


def _headers(request: httpx.Request, host: str) -> list[tuple[str, str]]:
    named = [
        (name, value) for name, value in request.headers.multi_items() if name.lower() not in ("host", "connection")
    ]
    return [*named, *_added_headers(host)]


def _version_1(request: httpx.Request, *, path: str, full_path: str, stage: str, host: str, in_base64: bool) -> Event:
    """The shape of payload 1.0. Names of headers are as the client wrote them."""
    headers = [(name.title(), value) for name, value in _headers(request, host)]
    query = parse_qsl(request.url.query.decode(), keep_blank_values=True)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": request.method,
        "headers": dict(headers),
        "multiValueHeaders": _lists(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _lists(query) or None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "lk2dwt8fpa",
            "authorizer": None,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "extendedRequestId": "JKJaXmPLvHcESHA=",
            "httpMethod": request.method,
            "identity": {"accessKey": None, "sourceIp": CLIENT, "userAgent": "python-httpx", "userArn": None},
            "path": full_path,
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTime": TIME,
            "requestTimeEpoch": EPOCH,
            "resourceId": "123456",
            "resourcePath": "/{proxy+}",
            "stage": stage,
        },
        **_body(request, in_base64=in_base64),
    }


def _lists(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists


def _version_2(request: httpx.Request, *, path: str, stage: str, host: str, in_base64: bool) -> Event:
    """The shape of payload 2.0: names of headers in lower case, cookies apart, the path without percent signs."""
    pairs = [(name.lower(), value) for name, value in _headers(request, host)]
    cookies = [cookie for name, value in pairs if name == "cookie" for cookie in value.split("; ")]
    headers = {name: ",".join(values) for name, values in _lists(pairs).items() if name != "cookie"}
    query = parse_qsl(request.url.query.decode(), keep_blank_values=True)
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.url.query.decode(),
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "lk2dwt8fpa",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": CLIENT,
                "userAgent": "python-httpx",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": stage,
            "time": TIME,
            "timeEpoch": EPOCH,
        },
        **{name: value for name, value in _body(request, in_base64=in_base64).items() if value is not None},
    }
    if cookies:
        event["cookies"] = cookies
    if query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in _lists(query).items()}
    return event


def _raw(request: httpx.Request) -> str:
    return request.url.raw_path.partition(b"?")[0].decode()


def rest(request: httpx.Request) -> Event:
    """A REST API at its own address: the stage stands in requestContext alone, and the path keeps its percent signs."""
    path = _raw(request)
    return _version_1(
        request, path=path, full_path=f"/{STAGE}{path}", stage=STAGE, host=DOMAIN, in_base64=bool(request.content)
    )


def rest_at_own_domain(request: httpx.Request) -> Event:
    """A REST API behind a domain of one's own, mapped to /dev: what stands before the path is the mapping."""
    path = f"/{STAGE}{_raw(request)}"
    return _version_1(request, path=path, full_path=path, stage=STAGE, host=OWN_DOMAIN, in_base64=True)


def http_1(request: httpx.Request) -> Event:
    """An HTTP API with payload 1.0: it says its version, and the stage stands in the path."""
    path = f"/{STAGE}{unquote(_raw(request))}"
    event = _version_1(request, path=path, full_path=path, stage=STAGE, host=DOMAIN, in_base64=False)
    return {"version": "1.0"} | event


def http_2(request: httpx.Request) -> Event:
    """An HTTP API with payload 2.0: the stage stands in the path."""
    path = f"/{STAGE}{unquote(_raw(request))}"
    return _version_2(request, path=path, stage=STAGE, host=DOMAIN, in_base64=False)


def http_2_in_base64(request: httpx.Request) -> Event:
    """The same with the body as it comes where its type is not known to be text."""
    path = f"/{STAGE}{unquote(_raw(request))}"
    return _version_2(request, path=path, stage=STAGE, host=DOMAIN, in_base64=True)


def http_2_default_stage(request: httpx.Request) -> Event:
    """An HTTP API whose stage is $default, mapped to /dev of a domain of one's own: nothing stands before the path."""
    return _version_2(request, path=unquote(_raw(request)), stage="$default", host=OWN_DOMAIN, in_base64=False)


SHAPES: Final[Mapping[str, Shape]] = {
    "rest": rest,
    "rest-own-domain": rest_at_own_domain,
    "http-1.0": http_1,
    "http-2.0": http_2,
    "http-2.0-base64": http_2_in_base64,
    "http-2.0-default-stage": http_2_default_stage,
}


class Context:
    """What Lambda tells of an invocation: `seconds` are left, and never fewer."""

    def __init__(self, seconds: float = 29.0) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the process."""
        return int(self.seconds * 1000)


def response_of(reply: Mapping[str, Any], request: httpx.Request) -> httpx.Response:
    """What API Gateway answers when a handler replied so."""
    headers = list(reply.get("headers", {}).items())
    headers += [(name, value) for name, values in reply.get("multiValueHeaders", {}).items() for value in values]
    headers += [("set-cookie", cookie) for cookie in reply.get("cookies", ())]
    body = reply["body"]
    content = b64decode(body) if reply["isBase64Encoded"] else body.encode()
    return httpx.Response(reply["statusCode"], headers=headers, content=content, request=request)
