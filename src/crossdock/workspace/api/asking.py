"""What a query string asks for, in every spelling that clients use: `groupBy.0=a`, `groupBy[0]=a`,
`groupBy[]=a`, `groupBy=a,b`; `filter[eventName][0]=a`, `filter.eventName=a`, `filter={...}`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar.openapi.spec import Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType

from crossdock.workspace.api.paging import invalid

T = TypeVar("T", bound=str)

TEXT_CHARS_MAX: Final = 500
TEXTS_MAX: Final = 100
"""Members of one list."""
TIME_EXPECTED: Final = "expected an ISO 8601 time such as 2026-09-21T14:00:00Z"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INDEX: Final = re.compile(r"\.\d*$")


class Query:
    """The members of one query, by dotted name. Everything raises Rejected (422) naming the member
    that cannot be used."""

    def __init__(self, query_string: bytes) -> None:
        self._given: dict[str, list[str]] = {}
        for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
            self._take(name.replace("[", ".").replace("]", ""), value)

    def text(self, name: str) -> str | None:
        """The last one given; None where there is none or it is empty."""
        found = self._given.get(name, [])
        return found[-1] or None if found else None

    def required(self, name: str) -> str:
        found = self.text(name)
        if found is None:
            raise invalid(name, "is missing")
        return found

    def texts(self, name: str, *, by_comma: bool = False) -> tuple[str, ...]:
        """A list, each member once. `by_comma`: for members that hold no comma themselves."""
        given = self._given.get(name, [])
        if by_comma:
            given = [part.strip() for text in given for part in text.split(",")]
        found = tuple(dict.fromkeys(given))
        if len(found) > TEXTS_MAX:
            raise invalid(name, f"has {len(found)} members: expected at most {TEXTS_MAX}")
        return found

    def choice(self, name: str, choices: Sequence[T]) -> T:
        """One of `choices`, whatever its case."""
        given = self.required(name)
        found = next((c for c in choices if c.casefold() == given.casefold()), None)
        if found is None:
            raise invalid(name, f"is {given[:40]!r}: expected one of {', '.join(choices)}")
        return found

    def choices(self, name: str, choices: Sequence[str]) -> tuple[str, ...]:
        found = self.texts(name, by_comma=True)
        for given in found:
            if given not in choices:
                raise invalid(name, f"is {given[:40]!r}: expected some of {', '.join(choices)}")
        return found

    def number(self, name: str, least: int, most: int) -> int | None:
        given = self.text(name)
        if given is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", given) or not least <= int(given) <= most:
            raise invalid(name, f"is {given[:40]!r}: expected {least} to {most}")
        return int(given)

    def flag(self, name: str) -> bool:
        given = self.text(name)
        if given not in (None, "true", "false"):
            raise invalid(name, f"is {given[:40]!r}: expected true or false")
        return given == "true"

    def time_ms(self, name: str) -> int | None:
        """An ISO 8601 time in epoch milliseconds; one without a zone is UTC."""
        given = self.text(name)
        return None if given is None else time_ms_of(name, given)

    def required_time_ms(self, name: str) -> int:
        return time_ms_of(name, self.required(name))

    def refuse(
        self, names: Mapping[str, str], *, lists: Sequence[str] = (), within: Sequence[str] = ()
    ) -> None:
        """Refuse what is known and cannot be done, saying why: as a member of its own, as a value
        of `lists` (`groupBy`), or inside of `within` (`filter`)."""
        for name, problem in names.items():
            if name in self._given:
                raise invalid(name, problem)
            for inner in (f"{outer}.{name}" for outer in within):
                if inner in self._given:
                    raise invalid(inner, problem)
            for outer in lists:
                if name in self.texts(outer, by_comma=True):
                    raise invalid(outer, f"names {name}, which {problem}")

    def only(self, outer: str, allowed: Sequence[str]) -> None:
        """Refuse other members of `outer` (`filter`): an unknown one would filter nothing."""
        for name in self._given:
            head, dot, inner = name.partition(".")
            if head == outer and dot and inner not in allowed:
                raise invalid(name[:100], f"is unknown: expected {', '.join(allowed)}")

    def _take(self, name: str, value: str) -> None:
        if name == "filter":
            for inner, items in _members(name, value).items():
                for item in items if isinstance(items, list) else [items]:
                    self._add(f"{name}.{inner}", str(item))
            return
        self._add(_INDEX.sub("", name), value)

    def _add(self, name: str, value: str) -> None:
        if len(value) > TEXT_CHARS_MAX and name != "pagination.cursor":
            raise invalid(
                name[:100], f"is {len(value)} characters: expected at most {TEXT_CHARS_MAX}"
            )
        if "\x00" in value:
            raise invalid(name[:100], "holds a NUL character")
        self._given.setdefault(name, []).append(value)


def time_ms_of(name: str, given: str) -> int:
    """See `Query.time_ms`."""
    try:
        # A "+" that a client did not escape has become a space.
        found = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        elapsed = found - _EPOCH
    except (ValueError, OverflowError):
        raise invalid(name, f"is {given[:40]!r}: {TIME_EXPECTED}") from None
    return elapsed.days * 86_400_000 + elapsed.seconds * 1000 + elapsed.microseconds // 1000


def _members(name: str, text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise invalid(name, "is no JSON object") from None


def described(*parameters: Parameter) -> type[Operation]:
    """The class of an operation whose query is read here: what OpenAPI says of its members."""

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or []), *parameters]

    return Described


def member(
    name: str,
    description: str,
    *,
    required: bool = False,
    many: bool = False,
    kind: OpenAPIType = OpenAPIType.STRING,
    one_of: Sequence[str] = (),
) -> Parameter:
    """A member of a query, for `described`."""
    one = Schema(type=kind, enum=list(one_of) or None)
    schema = Schema(type=OpenAPIType.ARRAY, items=one) if many else one
    return Parameter(
        name=name, param_in="query", schema=schema, description=description, required=required
    )
