"""Timestamps as clients write them, to epoch milliseconds and back to the one shape we write."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from crossdock.base.clock import iso_ms

YEAR_MIN: Final = 1900
MS_MIN: Final = -2_208_988_800_000
MS_MAX: Final = 253_402_300_799_999
"""1900-01-01 to 9999-12-31: what every reader of the log can hold as a date."""

_CACHE_MAX: Final = 8192
_SHAPE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?"
    r"\s?(?:([Zz])|([+-])(\d\d):?(\d\d)?)?)?",
    re.ASCII,
)
_MS: Final = {f"{ms:03d}": ms for ms in range(1000)}
_seconds: dict[str, int] = {}
"""`2026-11-23T12:06:26` -> epoch ms; traffic is about now, so few texts are asked for often."""


def canonical(text: Any) -> tuple[int, str] | None:
    """`(epoch milliseconds, the same instant in our shape)`; None for what is no ISO 8601 date
    between the years 1900 and 9999.

    Understood: a date, or date and time with any number of fraction digits (cut to milliseconds)
    and `Z`, `+00:00`, `+0000`, `+00` or no zone, which means UTC. A leap second is the one before.
    """
    if type(text) is not str:
        return None
    if len(text) == 24 and text[19] == "." and text[23] == "Z":
        whole = _seconds.get(text[:19])
        ms = _MS.get(text[20:23])
        if whole is not None and ms is not None:
            return whole + ms, text
    parsed = _parse_any(text)
    return None if parsed is None else (parsed, iso_ms(parsed))


def _parse_any(text: str) -> int | None:
    found = _SHAPE.fullmatch(text) if len(text) <= 64 else None
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, zone_h, zone_m = found.groups()
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            min(int(second or 0), 59) if second == "60" else int(second or 0),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    whole = int(moment.timestamp()) * 1000
    if text[23:] == "Z" and text[10] == "T" and second != "60":
        if len(_seconds) >= _CACHE_MAX:
            _seconds.clear()
        _seconds[text[:19]] = whole
    ms = whole + (int(fraction[:3].ljust(3, "0")) if fraction else 0)
    if sign:
        away = (int(zone_h) * 60 + int(zone_m or 0)) * 60_000
        ms += -away if sign == "+" else away
    return ms if MS_MIN <= ms <= MS_MAX else None
