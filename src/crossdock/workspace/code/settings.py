"""Settings as a file wants them against those that are stored, both checked by the same card."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from crossdock.base.errors import Misconfigured
from crossdock.base.secrets import SECRET_NAME
from crossdock.catalog.cards import Card
from crossdock.workspace.code.reading import Loaded, Where
from crossdock.workspace.code.secrecy import KEPT, is_reference, resolved
from crossdock.workspace.control import card_of


class Wanted(NamedTuple):
    """`values`: for the service, None where a setting is to go. `compared`: for the plan.
    `is_changed`: they are not what is stored."""

    values: dict[str, Any]
    compared: dict[str, Any]
    secret: frozenset[str]
    is_changed: bool


class Reader:
    """Resolves what one file says, on one machine's environment."""

    def __init__(self, loaded: Loaded, environ: Mapping[str, str]) -> None:
        self.file = loaded.file
        self.places = loaded.places
        self._folder = loaded.folder
        self._environ = environ

    def text(self, value: Any, at: Where) -> Any:
        return resolved(value, at, self.places, self._environ, self._folder)

    def settings(
        self, card: Card, given: Mapping[str, Any], stored: Mapping[str, Any], at: Where
    ) -> Wanted:
        """`stored` is opened. Raises Misconfigured with the line of what is wrong."""
        maps = {field.name for field in card.settings if field.type == "map"}
        values = {n: self._value(v, (*at, n), is_map=n in maps) for n, v in given.items()}
        self._check_references(card, given, values, stored, at)
        usable = {n: _with_kept(v, stored.get(n)) for n, v in values.items()}
        try:
            checked = card.check(usable)
        except Misconfigured as error:
            name = next((n for n in given if f" {n} " in f" {error} "), None)
            raise self.places.wrong((*at, name) if name else at, str(error)) from None
        fields = {field.name for field in card.settings}
        wanted = {name: checked.get(name) for name in fields}
        secret = frozenset(
            {f.name for f in card.settings if f.secret}
            | {n for n, v in given.items() if _holds_reference(v)}
            | {n for n, v in checked.items() if _holds_secret(v)}
        )
        return Wanted(wanted, checked, secret, checked != dict(stored))

    def _value(self, value: Any, at: Where, *, is_map: bool) -> Any:
        """A map may well have one member called `env`: references stand inside it."""
        if is_map and isinstance(value, dict):
            return {k: self.text(v, (*at, k)) for k, v in value.items()}
        return self.text(value, at)

    def _check_references(
        self,
        card: Card,
        given: Mapping[str, Any],
        values: Mapping[str, Any],
        stored: Mapping[str, Any],
        at: Where,
    ) -> None:
        secret = {field.name for field in card.settings if field.secret}
        for name, value in values.items():
            if name in secret and isinstance(given[name], str):
                problem = "is a secret in the clear: expected {env: NAME} or {file: PATH}"
                raise self.places.wrong((*at, name), problem)
            if value is KEPT and stored.get(name) is None:
                kind, reference = next(iter(given[name].items()))
                where = "the environment has no" if kind == "env" else "there is no file"
                raise self.places.wrong((*at, name), f"{where} {reference}")


def check_type(
    reader: Reader, at: Where, type_: str, cards: dict[str, Card], kind: str, row: Any
) -> Card:
    """The card of a type; `row` is what stands there already, if anything. Raises Misconfigured."""
    try:
        card = card_of(cards, kind, type_)
    except Misconfigured as error:
        raise reader.places.wrong((*at, "type"), str(error)) from None
    if row is not None and row["type"] != type_:
        problem = f"is {type_!r}, but {row['slug']} is a {row['type']}: its type never changes"
        raise reader.places.wrong((*at, "type"), problem)
    return card


def _with_kept(value: Any, stored: Any) -> Any:
    if value is KEPT:
        return stored
    if isinstance(value, dict):
        old = stored if isinstance(stored, dict) else {}
        return {k: _with_kept(v, old.get(k)) for k, v in value.items()}
    return value


def _holds_reference(value: Any) -> bool:
    if is_reference(value):
        return True
    return isinstance(value, dict) and any(_holds_reference(v) for v in value.values())


def _holds_secret(value: Any) -> bool:
    return isinstance(value, dict) and any(SECRET_NAME.search(name) for name in value)
