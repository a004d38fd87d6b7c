"""Bodies: unpacked, checked to be JSON text, and read no further than needed.

Decoding stops at the head: types that skip the rest cost a fifth of a full decode, and the
sender's bytes are what is stored.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

import msgspec
from isal import isal_zlib

from crossdock.base.errors import Rejected
from crossdock.collect.limits import BODY_BYTES_MAX

GZIP: Final = (b"gzip", b"x-gzip")
_GZIP_WBITS: Final = 31
_MEMBERS_MAX: Final = 64

_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)

T = TypeVar("T")


class SingleHead(msgspec.Struct, gc=False):
    """One event. Values of any type, so that a wrong one is rejected with its event, not here."""

    writeKey: Any = None  # noqa: N815
    userId: Any = None  # noqa: N815
    anonymousId: Any = None  # noqa: N815


class BatchHead(msgspec.Struct, gc=False):
    """A batch. Its items stay raw: what is no object is rejected alone, by process."""

    batch: list[msgspec.Raw]
    writeKey: Any = None  # noqa: N815


class _Skipped(msgspec.Struct, gc=False):
    """Any JSON object; nothing of it is kept."""


_decode_single = msgspec.json.Decoder(SingleHead).decode
_decode_batch = msgspec.json.Decoder(BatchHead).decode
_decode_skipped = msgspec.json.Decoder(_Skipped).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def unpack(body: bytes, encoding: bytes) -> bytes:
    """Undo the Content-Encoding. Raises Rejected for bombs, torn streams, unknown encodings."""
    name = encoding.strip().lower()
    if name in GZIP:
        return gunzip(body)
    if name in (b"identity", b""):
        return body
    raise Rejected(
        "unsupported_encoding", f"Content-Encoding {encoding[:40]!r} is not one of gzip, identity."
    )


def gunzip(body: bytes, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Never makes more than `bytes_max` bytes, whatever the stream promises."""
    parts: list[bytes] = []
    room = bytes_max
    rest = body
    for _ in range(_MEMBERS_MAX):
        stream = isal_zlib.decompressobj(_GZIP_WBITS)
        try:
            part = stream.decompress(rest, room + 1)
        except isal_zlib.error:  # type: ignore[misc]  # isal's stub types it as Any
            raise Rejected("bad_request", "The body is not valid gzip.") from None
        room -= len(part)
        if room < 0:
            raise Rejected(
                "payload_too_large", f"The body unpacks to more than {bytes_max:,} bytes."
            )
        if not stream.eof:
            raise Rejected("bad_request", "The gzip stream ends too early.")
        parts.append(part)
        rest = stream.unused_data.lstrip(b"\0")
        if not rest:
            return parts[0] if len(parts) == 1 else b"".join(parts)
    raise Rejected("bad_request", f"The gzip stream has more than {_MEMBERS_MAX} members.")


def check_text(body: bytes) -> None:
    """Skipping decoders accept invalid UTF-8; a later full decode would choke on it."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            raise Rejected("bad_request", "The body is not valid UTF-8.") from None


check_plain_object: Final = _decode_skipped
"""As `check_object`, for whoever has another way to mend: raises what the decoder raises."""


def check_object(body: bytes) -> bytes:
    """One event, of which nothing is needed but that it is a JSON object. Returns the body."""
    try:
        _decode_skipped(body)
    except (msgspec.DecodeError, RecursionError) as error:
        return _mended(body, _decode_skipped, error)[0]
    return body


def read_single(body: bytes) -> tuple[bytes, SingleHead]:
    """The body and its head; the body differs from the one given only where it was mended."""
    try:
        return body, _decode_single(body)
    except (msgspec.DecodeError, RecursionError) as error:
        return _mended(body, _decode_single, error)


def read_batch(body: bytes) -> tuple[bytes, BatchHead]:
    """As `read_single`."""
    try:
        return body, _decode_batch(body)
    except (msgspec.DecodeError, RecursionError) as error:
        return _mended(body, _decode_batch, error)


def read_item(item: msgspec.Raw) -> SingleHead | None:
    """An item of a batch; None where it is no object."""
    try:
        return _decode_single(item)
    except (msgspec.DecodeError, RecursionError):
        return None


def read_members(body: bytes) -> dict[str, msgspec.Raw]:
    """The members of an object that was decoded before; of equal names the last."""
    return _decode_members(body)


def _mended(body: bytes, decode: Callable[[bytes], T], error: Exception) -> tuple[bytes, T]:
    """A second try with half surrogates replaced: JavaScript writes them for a text that was cut
    in the middle of an emoji, and one of them must not cost a batch its other events."""
    mended = body if isinstance(error, RecursionError) else _ESCAPES.sub(_whole, body)
    if mended == body:
        _refuse(error)
    try:
        return mended, decode(mended)
    except (msgspec.DecodeError, RecursionError) as second:
        _refuse(second)


def _whole(escape: re.Match[bytes]) -> bytes:
    """Half a surrogate pair becomes the replacement character, of the same length."""
    return rb"\ufffd" if escape["half"] else escape[0]


def _refuse(error: Exception) -> NoReturn:
    if isinstance(error, RecursionError):
        raise Rejected("too_deep", "The body is nested too deeply.") from None
    if isinstance(error, msgspec.ValidationError):
        raise Rejected("bad_request", f"The body is not what this path takes: {error}.") from None
    raise Rejected("bad_request", f"The body is not valid JSON: {error}.") from None
