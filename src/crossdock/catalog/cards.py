"""Cards: what can be connected, as data. A card makes the form, the validation and the docs page;
reading one imports no code of the thing itself."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec

from crossdock.base.errors import Misconfigured

CALLS = ("identify", "track", "page", "screen", "group", "alias")


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One setting. `secret` values are sealed at rest and never shown again."""

    name: str
    label: str
    type: Literal["string", "number", "boolean", "select", "map", "list"] = "string"
    help: str = ""
    required: bool = False
    secret: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


class Snippet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Code that sends a first event when pasted. In `text` stand `{{writeKey}}`, `{{trackingUrl}}`
    (with its scheme), `{{trackingHost}}` (host and port) and `{{trackingScheme}}`."""

    title: str
    language: str
    text: str


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of source, destination or warehouse.

    name          as people and `integrations` objects spell it
    former_names  also understood in `integrations` objects
    calls         types of call a destination takes
    is_client     of a source: its events come from people's devices
    website       of what a destination sends to
    snippets      of a source: how a first event is sent
    """

    slug: str
    name: str
    description: str
    categories: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()
    calls: tuple[str, ...] = CALLS
    is_client: bool = False
    website: str = ""
    settings: tuple[Field, ...] = ()
    snippets: tuple[Snippet, ...] = ()

    def check(self, given: dict[str, Any]) -> dict[str, Any]:
        """`given` with defaults, values of the declared types.

        Raises Misconfigured naming the setting, the value got and what was expected; secret
        values are not shown. Text is understood for every type, as a command line gives it.
        """
        fields = {field.name: field for field in self.settings}
        for name in given.keys() - fields.keys():
            known = ", ".join(sorted(fields)) or "none"
            raise Misconfigured(
                f"{self.slug} has no setting {name[:80]!r}; it has {known}", f"settings.{name[:80]}"
            )
        checked: dict[str, Any] = {}
        for name, field in fields.items():
            value = given.get(name, field.default)
            if value is None or value == "":
                if field.required:
                    raise Misconfigured(
                        f"{self.slug} needs the setting {name} ({field.label})", f"settings.{name}"
                    )
                continue
            checked[name] = _converted(self.slug, field, value)
        return checked


_TYPES: dict[str, Any] = {
    "string": str,
    "number": float | int,
    "boolean": bool,
    "select": str,
    "map": dict[str, str],
    "list": list[str],
}


def _converted(slug: str, field: Field, value: Any) -> Any:
    is_private = field.secret or field.type == "map"  # headers hold tokens
    shown = "(hidden)" if is_private else f"{value!r:.200}"
    at = f"settings.{field.name}"
    if field.type in ("map", "list") and isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise Misconfigured(
                f"{slug} setting {field.name} is {shown}: expected a JSON {field.type}", at
            ) from None
    try:
        converted = msgspec.convert(value, _TYPES[field.type], strict=False)
    except msgspec.ValidationError as error:
        raise Misconfigured(f"{slug} setting {field.name} is {shown}: {error}", at) from None
    if field.choices and converted not in field.choices:
        raise Misconfigured(
            f"{slug} setting {field.name} is {shown}: expected one of {', '.join(field.choices)}",
            at,
        )
    if field.type == "number" and not _in_range(field, converted):
        raise Misconfigured(
            f"{slug} setting {field.name} is {shown}: expected {field.minimum} to {field.maximum}",
            at,
        )
    return converted


def _in_range(field: Field, value: float) -> bool:
    above = field.minimum is None or value >= field.minimum
    return above and (field.maximum is None or value <= field.maximum)


@cache
def destination_cards() -> dict[str, Card]:
    """Slug -> card: our own, and those that the actions runtime brings."""
    from crossdock.catalog.actions import manifest

    brought = manifest.cards() if manifest.is_built() else {}
    return brought | native_cards()


def destination_card(slug: str) -> Card | None:
    """One of them. The runtime's are many and take memory: they are read for one of theirs only."""
    return native_cards().get(slug) or destination_cards().get(slug)


@cache
def native_cards() -> dict[str, Card]:
    """Slug -> card; `destinations/<slug>/card.toml`."""
    folder = resources.files("crossdock.catalog").joinpath("destinations")
    cards = (
        _read(entry.joinpath("card.toml").read_text())
        for entry in folder.iterdir()
        if entry.is_dir() and entry.joinpath("card.toml").is_file()
    )
    return {card.slug: card for card in cards}


@cache
def warehouse_cards() -> dict[str, Card]:
    """Slug -> card; `warehouses/<slug>.toml`."""
    return _folder_of_cards("warehouses")


@cache
def source_cards() -> dict[str, Card]:
    """Slug -> card; `sources/<slug>.toml`."""
    return _folder_of_cards("sources")


def _folder_of_cards(name: str) -> dict[str, Card]:
    folder = resources.files("crossdock.catalog").joinpath(name)
    cards = (_read(entry.read_text()) for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return {card.slug: card for card in cards}


def _read(text: str) -> Card:
    return msgspec.convert(tomllib.loads(text), Card)
