"""Date filters. Dates are shown in UTC unless the filter names an offset; `now` is the clock's."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping import limits
from crossdock.base.mapping.errors import Unresolvable
from crossdock.base.mapping.javascript import UNDEFINED
from crossdock.base.mapping.liquid.values import as_number, text, too_long

NOW: Final = ("now", "today")
_DEFAULT: Final = "%A, %B %-e, %Y at %-l:%M %P %z"
_DIRECTIVE: Final = re.compile(r"%([-_0^#:]+)?([0-9]+)?([EO])?(.)")
_SECONDS: Final = re.compile("[0-9]+")
_FORMATS: Final = ("%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%m/%d/%Y", "%Y/%m/%d")
_WIDTHS: Final = {**dict.fromkeys("CdeHIklmMSUWy", 2), "j": 3, "L": 3, "Y": 4}
_BY_SPACE: Final = frozenset("aAbBceklpP")
_NANOSECOND_DIGITS: Final = 9


def date(value: Any, shape: Any = UNDEFINED, offset: Any = UNDEFINED) -> Any:
    """What is no date stays as it is."""
    found = _parsed(value, offset)
    if found is None:
        return value
    return formatted(found, _DEFAULT if js.is_null(shape) else text(shape))


def _xmlschema(value: Any) -> Any:
    return date(value, "%Y-%m-%dT%H:%M:%S%:z")


def _rfc822(value: Any) -> Any:
    return date(value, "%a, %d %b %Y %H:%M:%S %z")


def _day(month: str) -> Callable[..., Any]:
    def filter_(value: Any, kind: Any = UNDEFINED, style: Any = UNDEFINED) -> Any:
        if kind != "ordinal":
            return date(value, f"%d {month} %Y")
        return date(value, f"{month} %-d%q, %Y" if style == "US" else f"%-d%q {month} %Y")

    return filter_


def _parsed(value: Any, offset: Any = UNDEFINED) -> datetime | None:
    try:
        found = _instant(value)
        return found and found.astimezone(_zone(offset))
    except (ValueError, OverflowError, OSError):
        return None


def _zone(offset: Any) -> tzinfo:
    """Minutes west of Greenwich, as JavaScript counts them, or a zone's name."""
    if js.is_null(offset):
        return UTC
    if type(offset) is str:
        try:
            return ZoneInfo(offset)
        except (KeyError, OSError):
            raise Unresolvable(f"date got a time zone that is not known: {offset[:50]!r}") from None
    return timezone(timedelta(minutes=-as_number(offset)))


def _instant(value: Any) -> datetime | None:
    if type(value) in js.NUMBERS:
        return datetime.fromtimestamp(value, UTC)
    if type(value) is not str:
        return None
    if _SECONDS.fullmatch(value):
        return datetime.fromtimestamp(int(value), UTC)
    for read in (datetime.fromisoformat, parsedate_to_datetime, _written_out):
        try:
            found = read(value)
        except (ValueError, TypeError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _written_out(value: str) -> datetime:
    for shape in _FORMATS:
        try:
            return datetime.strptime(value, shape).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(value)


def formatted(when: datetime, shape: str) -> str:
    """By strftime's directives, with the flags and widths of liquidjs."""
    return _DIRECTIVE.sub(lambda found: _directive(when, found), shape)


def _directive(when: datetime, found: re.Match[str]) -> str:
    flags, width, letter = found[1] or "", int(found[2] or 0), found[4]
    if letter not in _LETTERS:
        return found[0]
    if width > limits.LIQUID_CHARS_MAX:
        raise too_long()
    if letter == "N":
        digits = width or _NANOSECOND_DIGITS
        return f"{when.microsecond // 1000:03d}"[:digits].ljust(digits, "0")
    colon = ":" if ":" in flags else ""
    shown = _offset(when, colon) if letter == "z" else _LETTERS[letter](when)
    if "^" in flags:
        shown = shown.upper()
    elif "#" in flags:
        shown = shown.upper() if any("a" <= char <= "z" for char in shown) else shown.lower()
    fill = " " if letter in _BY_SPACE else "0"
    fill = " " if "_" in flags else "0" if "0" in flags else fill
    wide = 0 if "-" in flags else width or _WIDTHS.get(letter, 0)
    if fill == "0" and shown.startswith("-"):
        return "-" + shown[1:].rjust(wide - 1, "0")
    return shown.rjust(wide, fill)


def _offset(when: datetime, colon: str = "") -> str:
    minutes = int((when.utcoffset() or timedelta()).total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}{colon}{rest:02d}"


def _week(when: datetime, first_day: int) -> str:
    """`first_day` counts from Sunday, 0."""
    since = (when.isoweekday() - first_day) % 7
    return str((when.timetuple().tm_yday - 1 - since + 7) // 7)


def _ordinal(when: datetime) -> str:
    if 11 <= when.day <= 13:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(when.day % 10, "th")


def _hour(when: datetime) -> str:
    return str(when.hour % 12 or 12)


def _named(when: datetime) -> str:
    if when.tzinfo is UTC:
        return "UTC"
    return when.tzinfo.key if isinstance(when.tzinfo, ZoneInfo) else _offset(when)


def _clock(when: datetime) -> str:
    return f"{_hour(when)}:{when:%M:%S} {when:%p}"


def _numbers(when: datetime) -> str:
    return f"{when.month}/{when.day}/{when.year}"


_LETTERS: Final[dict[str, Callable[[datetime], str]]] = {
    "a": lambda when: f"{when:%a}",
    "A": lambda when: f"{when:%A}",
    "b": lambda when: f"{when:%b}",
    "B": lambda when: f"{when:%B}",
    "h": lambda when: f"{when:%b}",
    "c": lambda when: f"{_numbers(when)}, {_clock(when)}",
    "C": lambda when: str(when.year // 100),
    "d": lambda when: str(when.day),
    "e": lambda when: str(when.day),
    "H": lambda when: str(when.hour),
    "I": _hour,
    "j": lambda when: str(when.timetuple().tm_yday),
    "k": lambda when: str(when.hour),
    "l": _hour,
    "L": lambda when: str(when.microsecond // 1000),
    "m": lambda when: str(when.month),
    "M": lambda when: str(when.minute),
    "N": str,
    "n": lambda _when: "\n",
    "p": lambda when: "AM" if when.hour < 12 else "PM",
    "P": lambda when: "am" if when.hour < 12 else "pm",
    "q": _ordinal,
    "s": lambda when: str(int(when.timestamp() // 1)),
    "S": lambda when: str(when.second),
    "t": lambda _when: "\t",
    "u": lambda when: str(when.isoweekday()),
    "U": lambda when: _week(when, 0),
    "w": lambda when: str(when.isoweekday() % 7),
    "W": lambda when: _week(when, 1),
    "x": _numbers,
    "X": _clock,
    "y": lambda when: str(when.year % 100),
    "Y": lambda when: str(when.year),
    "z": _offset,
    "Z": _named,
    "%": lambda _when: "%",
}

DATE_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "date": date,
    "date_to_xmlschema": _xmlschema,
    "date_to_rfc822": _rfc822,
    "date_to_string": _day("%b"),
    "date_to_long_string": _day("%B"),
}
