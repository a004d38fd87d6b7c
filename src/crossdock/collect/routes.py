"""Which path means what. Paths work with and without a trailing slash and never redirect: a
redirect turns a POST into a GET in most clients and loses the batch."""

import re
from enum import Enum, auto
from typing import Final, NamedTuple

GET: Final = (b"GET", b"HEAD")
POST: Final = (b"POST",)


class Does(Enum):
    """What an endpoint does."""

    SINGLE = auto()  # one event in the body
    BATCH = auto()  # {"batch": [...]}
    DISCARD = auto()  # SDKs' reports about themselves
    PIXEL = auto()
    SETTINGS = auto()
    LIBRARY = auto()
    BUNDLE = auto()
    SOURCE_CONFIG = auto()
    HEALTH = auto()
    READY = auto()


class Endpoint(NamedTuple):
    """`call` is the type of event the path implies; `argument` the key or file name in it."""

    does: Does
    methods: tuple[bytes, ...]
    call: str = ""
    argument: str = ""


_CALLS: Final = {
    "track": "t",
    "page": "p",
    "screen": "s",
    "identify": "i",
    "group": "g",
    "alias": "a",
}


def _exact() -> dict[bytes, Endpoint]:
    table: dict[str, Endpoint] = {"/v1/merge": Endpoint(Does.SINGLE, POST, "merge")}
    for call, letter in _CALLS.items():
        table[f"/v1/{call}"] = table[f"/v1/{letter}"] = Endpoint(Does.SINGLE, POST, call)
        table[f"/v1/pixel/{call}"] = Endpoint(Does.PIXEL, GET, call)
    for call in ("track", "page"):
        table[f"/pixel/v1/{call}"] = Endpoint(Does.PIXEL, GET, call)
    for path in ("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"):
        table[path] = Endpoint(Does.BATCH, POST)
    for path in ("/v1/m", "/rsaMetrics"):
        table[path] = Endpoint(Does.DISCARD, POST)
    table["/sourceConfig"] = Endpoint(Does.SOURCE_CONFIG, GET)
    table["/health"] = Endpoint(Does.HEALTH, GET)
    table["/ready"] = Endpoint(Does.READY, GET)
    slashed = {f"{path}/": endpoint for path, endpoint in table.items()}
    return {path.encode(): endpoint for path, endpoint in (table | slashed).items()}


EXACT: Final = _exact()

_KEY = rb"(?P<argument>[A-Za-z0-9_.-]{1,128})"
_PATTERNS: Final = (
    (re.compile(rb"/v1/projects/" + _KEY + rb"/settings/?"), Endpoint(Does.SETTINGS, GET)),
    (
        re.compile(rb"/analytics\.js/v1/" + _KEY + rb"(/platform)?/analytics(\.min)?\.js"),
        Endpoint(Does.LIBRARY, GET),
    ),
    (
        re.compile(rb"/analytics-next/bundles/" + _KEY),
        Endpoint(Does.BUNDLE, GET),
    ),
)
_ABSOLUTE = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)
_SLASHES = re.compile(rb"//+")


def find(target: bytes) -> Endpoint | None:
    """The endpoint of a request target; None where nothing is served."""
    endpoint = EXACT.get(target)
    if endpoint is not None:
        return endpoint
    path = target.partition(b"?")[0].partition(b"#")[0]
    # Absolute targets come through proxies; doubled slashes from hosts configured with one.
    path = _SLASHES.sub(b"/", _ABSOLUTE.sub(b"", path, count=1)) or b"/"
    endpoint = EXACT.get(path)
    if endpoint is not None:
        return endpoint
    for pattern, found in _PATTERNS:
        match = pattern.fullmatch(path)
        if match:
            return found._replace(argument=match["argument"].decode())
    return None
