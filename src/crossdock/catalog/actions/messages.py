"""What is said to a side process and what it answers, as JSON (sidecar/src/methods.js)."""

from typing import Any, Literal

import msgspec

Class = Literal["delivered", "skipped", "retry", "invalid_auth", "discard"]


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    """OAuth tokens of one connected destination, and the user's own OAuth app."""

    access_token: str = ""
    refresh_token: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token_url: str = ""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Refreshed on the way; whoever called stores them. No refresh token: the old one stays."""

    access_token: str
    refresh_token: str | None = None


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer, cut and with secrets taken out. No `status`: none came."""

    method: str
    url: str
    headers: dict[str, str] = {}
    body: str = ""
    status: int | None = None
    response: str = ""
    error: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event.

    code           one of `base.reasons`, or an HTTP status
    after_s        of `retry`: when the destination wants to be asked again
    sent           requests made for this event (with others of its batch); 0 beside `delivered`
                   says that the destination had no use for it, or has a client of its own (Kafka)
    exchanges      indexes into `Delivery.exchanges`
    internal       nobody knows why: worth a few attempts, not hours of them
    misconfigured  mapping or settings are at fault, not this event
    """

    class_: Class = msgspec.field(name="class")
    code: str
    status: int | None = None
    message: str = ""
    response: str = ""
    after_s: float | None = None
    sent: int = 0
    exchanges: tuple[int, ...] = ()
    internal: bool = False
    misconfigured: bool = False


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A value that the destination wants back with its next calls; no `ttl_s`: for a day."""

    value: Any
    ttl_s: float | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """`answers` stand in the order of the events."""

    answers: tuple[Answer, ...]
    exchanges: tuple[Exchange, ...] = ()
    tokens: Tokens | None = None
    state: dict[str, Kept] = {}


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """What the mapping made of one event; `error` where it made nothing."""

    payload: Any = None
    error: str = ""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """Requests were recorded and answered with an empty object; nothing was sent. An answer of
    class `delivered` means: this would be sent. A destination that needs the answer of one request
    to make the next stops there, and the answer's `message` says so."""

    payloads: tuple[Mapped, ...]
    answers: tuple[Answer, ...] = ()
    exchanges: tuple[Exchange, ...] = ()


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    code: str = ""
    status: int | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Of a control call: `value` where it went well, `error` where not."""

    ok: bool
    value: Any = None
    error: Failure | None = None
    exchanges: tuple[Exchange, ...] = ()
    tokens: Tokens | None = None


class Params(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a call may carry; what a method does not know it does not read.

    scope    the connected destination's id: whose state and tokens these are
    secrets  values that no exchange may show
    """

    destination: str = ""
    action: str = ""
    settings: dict[str, Any] = {}
    auth: Auth | None = None
    mapping: dict[str, Any] = {}
    events: tuple[msgspec.Raw, ...] = ()
    features: dict[str, bool] = {}
    scope: str = ""
    mapping_id: str = ""
    state: dict[str, Any] = {}
    secrets: tuple[str, ...] = ()
    deadline_ms: int = 0
    capture_bytes: int = 4096
    requests: bool = True
    field: str = ""
    hook: str = ""
    page: str | None = None
    payload: dict[str, Any] = {}
    context: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    audience_name: str = ""
    external_id: str = ""
    audience_settings: dict[str, Any] = {}
    personas: dict[str, Any] = {}
    user_id: str | None = None
    anonymous_id: str | None = None


class Question(msgspec.Struct, frozen=True):
    id: int
    method: str
    params: Params


class Fault(msgspec.Struct, frozen=True):
    """The side process could not answer: it knows no such destination or action, or failed."""

    name: str = ""
    message: str = ""


class Reply(msgspec.Struct, frozen=True):
    """`id` 0 is what a process says when it is ready."""

    id: int
    ok: msgspec.Raw = msgspec.Raw(b"null")
    error: Fault | None = None
