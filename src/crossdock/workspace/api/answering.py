"""The Public API's answers: `{"data": ...}`, or `{"errors": [{type, message, field}]}`."""

import re
from typing import Any, Final, Generic, TypeVar

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from sqlalchemy.exc import IntegrityError, OperationalError

from crossdock.base.errors import Busy, CrossdockError, Misconfigured, Rejected, Retryable
from crossdock.base.logs import logger

T = TypeVar("T")
_log = logger("api")


class Data(msgspec.Struct, Generic[T], frozen=True):
    """The envelope of every answer that is not an error."""

    data: T


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One error. `type` is for programs, `message` for people; `field` is a member of the body or
    query, dotted where it is nested."""

    type: str
    message: str
    field: str | None = None


class Failures(msgspec.Struct, frozen=True):
    """The envelope of every error."""

    errors: list[Failure]


class Status(msgspec.Struct, frozen=True):
    """What deleting answers."""

    status: str = "SUCCESS"


TYPES: Final = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "payload-too-large",
    415: "unsupported-media-type",
    422: "validation-error",
    429: "too-many-requests",
    501: "not-implemented",
    503: "unavailable",
}
"""Status -> `type`; the others are `internal`."""


def failed(
    status: int,
    message: str,
    field: str | None = None,
    headers: dict[str, str] | None = None,
    type_: str | None = None,
) -> Response[Failures]:
    kind = type_ or TYPES.get(status, "internal")
    return Response(
        Failures([Failure(kind, message, field)]), status_code=status, headers=headers or {}
    )


def refuse(_: Request[Any, Any, Any], error: Exception) -> Response[Failures]:
    """Every exception of a handler as an answer. What is our bug is logged, not shown."""
    if isinstance(error, Rejected):
        return failed(error.status, error.message, error.field)
    if isinstance(error, Misconfigured):
        return failed(422, str(error), error.field)
    if isinstance(error, Busy):
        return failed(error.status, error.message, None, _after(error.retry_after_s))
    if isinstance(error, Retryable):
        return failed(503, error.message, None, _after(error.after_s or 1))
    if isinstance(error, ValidationException):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return failed(error.status_code, error.detail, None, dict(error.headers or {}))
    if isinstance(error, OperationalError):
        _log.error("the state database does not answer", error=str(error.orig)[:500])
        return failed(503, "the state database does not answer", None, _after(1))
    if isinstance(error, IntegrityError):
        # A slug or name was free when it was looked at: another request took it since.
        return failed(409, "another request took the same name at this moment: send it again")
    if isinstance(error, CrossdockError):
        return failed(500, str(error))
    _log.exception("a request failed inside", exc_info=error)
    return failed(500, "Crossdock failed inside; its log says where")


def _after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, round(seconds)))}


def _invalid(error: ValidationException) -> Response[Failures]:
    """Litestar names each wrong member in `extra`; a body that is no JSON has none."""
    found = error.extra if isinstance(error.extra, list) else []
    failures = [
        Failure(TYPES[422], str(e.get("message", "")), _field(str(e.get("key", "")))) for e in found
    ]
    if failures:
        return Response(Failures(failures), status_code=422)
    cause = error.__cause__
    if isinstance(cause, msgspec.ValidationError):
        return failed(422, *_of_msgspec(str(cause)))
    return failed(400, error.detail)


def _of_msgspec(text: str) -> tuple[str, str | None]:
    """`Expected `str`, got `int` - at `$.name`` -> the message and `name`."""
    message, _, at = text.partition(" - at ")
    return message, _field(at.strip("`").removeprefix("$").removeprefix(".")) if at else None


def _field(key: str) -> str | None:
    return re.sub(r"\[(\d+)\]", r".\1", key) or None
