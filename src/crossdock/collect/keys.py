"""Write keys: an immutable table per snapshot, and a bounded list of keys nobody knows."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from crossdock.base.ids import mask
from crossdock.base.snapshot import Snapshot, SourceView

KEY_CHARS_MAX: Final = 256


class KnownSource:
    """What the hot path needs of a source."""

    __slots__ = ("is_client", "is_rudderstack", "source", "view", "workspace")

    def __init__(self, view: SourceView) -> None:
        self.workspace = view.workspace
        self.source = view.id
        self.is_client = view.is_client
        self.is_rudderstack = view.type.startswith("rudder")
        self.view = view


class KeyTable:
    """Write key -> source, for one snapshot.

    `by_header` is keyed by whole Authorization values, so that an event costs one look-up and no
    base64. Built anew for each snapshot and swapped whole.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.version = snapshot.version
        self.by_key: dict[str, KnownSource] = {}
        self.by_header: dict[bytes, KnownSource] = {}
        for view in snapshot.sources.values():
            known = KnownSource(view)
            for key in view.write_keys:
                self.by_key[key] = known
                for userinfo in (f"{key}:", key):
                    encoded = base64.b64encode(userinfo.encode())
                    self.by_header[b"Basic " + encoded] = known


def key_in_authorization(value: bytes) -> str | None:
    """The user name of Basic credentials, in any spelling; None for anything else.

    Segment's clients send `key:`; without the colon works too, as it does at Segment's.
    """
    scheme, _, credentials = value.strip().partition(b" ")
    if scheme.lower() != b"basic" or len(credentials) > KEY_CHARS_MAX * 2:
        return None
    credentials = credentials.strip().rstrip(b"=")
    try:
        userinfo = base64.b64decode(credentials + b"=" * (-len(credentials) % 4), validate=True)
        return userinfo.decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def as_key(value: Any) -> str | None:
    """A member `writeKey` of a body, if it can be one."""
    return value if isinstance(value, str) and 0 < len(value) <= KEY_CHARS_MAX else None


class UnknownKeys:
    """Counts requests with keys that no source has, by masked key, for `doctor`.

    At most `rows_max` rows: the one seen longest ago makes room.
    """

    def __init__(self, rows_max: int = 256) -> None:
        self._rows_max = rows_max
        self._rows: dict[str, dict[str, Any]] = {}
        self.missing = 0
        self.changed = False

    def count(self, key: str | None, now_ms: int) -> None:
        """`key` None: the request named none at all."""
        self.changed = True
        if key is None:
            self.missing += 1
            return
        shown = mask(key)
        row = self._rows.pop(shown, None)
        if row is None:
            if len(self._rows) >= self._rows_max:
                self._rows.pop(next(iter(self._rows)))
            row = {"key": shown, "requests": 0, "first_ms": now_ms}
        row["requests"] += 1
        row["last_ms"] = now_ms
        self._rows[shown] = row

    def report(self) -> Mapping[str, Any]:
        """Newest first."""
        return {"missing": self.missing, "keys": list(reversed(self._rows.values()))}
