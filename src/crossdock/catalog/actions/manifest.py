"""What the destinations of the bundle are, read from the manifest that was built with it. The file
is opened at the first question; a destination's actions are decoded when they are asked for."""

import gzip
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from crossdock.base.errors import Misconfigured
from crossdock.catalog.actions.owned import Facts, Overlay, facts, overlays
from crossdock.catalog.cards import CALLS, Card
from crossdock.catalog.cards import Field as CardField

SYNC_MODE = "__segment_internal_sync_mode"
MANIFEST = Path(__file__).parent / "static" / "manifest.json.gz"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    value: Any


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A setting, a field of an action, or a member of one (`fields`).

    default      of an action's field: what its mapping starts with
    required_if  a condition on other fields, as upstream writes it
    dynamic      its choices are asked of the vendor
    """

    name: str
    type: str
    label: str = ""
    description: str = ""
    required: bool = False
    required_if: Any = None
    multiple: bool = False
    allow_null: bool = False
    dynamic: bool = False
    hidden: bool = False
    read_only: bool = False
    choices: tuple[Choice, ...] = ()
    default: Any = None
    format: str = ""
    placeholder: str = ""
    minimum: float | None = None
    maximum: float | None = None
    depends_on: Any = None
    category: str = ""
    fields: tuple["Field", ...] = ()


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    label: str = ""
    description: str = ""
    inputs: tuple[Field, ...] = ()


class SyncMode(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with a record; stands in the mapping as SYNC_MODE."""

    label: str = ""
    description: str = ""
    default: str = ""
    choices: tuple[Choice, ...] = ()


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """`trigger` is FQL that suits it by default; `schema` the JSON Schema of what is mapped."""

    slug: str
    title: str
    description: str = ""
    hidden: bool = False
    batches: bool = False
    trigger: str = ""
    fields: tuple[Field, ...] = ()
    sync_mode: SyncMode | None = None
    dynamic: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()
    schema: msgspec.Raw = msgspec.Raw(b"null")

    def default_mapping(self) -> dict[str, Any]:
        mapping = {f.name: f.default for f in self.fields if f.default is not None}
        if self.sync_mode is not None and self.sync_mode.default:
            mapping[SYNC_MODE] = self.sync_mode.default
        return mapping


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping to start with. `specificEvent` ones wait for something of another product."""

    name: str
    action: str
    type: str = "automatic"
    trigger: str = ""
    event: str = ""
    mapping: dict[str, Any] = {}


class HowToSignIn(msgspec.Struct, frozen=True, kw_only=True):
    scheme: Literal["custom", "basic", "oauth2", "oauth-managed", "none"]
    tests: bool = False
    refreshes: bool = False


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    mode: str = ""
    full_sync: bool = False
    creates: bool = False
    fields: tuple[Field, ...] = ()


class ActionsDestination(msgspec.Struct, frozen=True, kw_only=True):
    """One destination of the bundle, with what we know of it besides."""

    slug: str
    id: str
    name: str
    description: str = ""
    mode: str = "cloud"
    auth: HowToSignIn
    settings: tuple[Field, ...] = ()
    settings_schema: msgspec.Raw = msgspec.Raw(b"null")
    audience: Audience | None = None
    deletes: bool = False
    actions: tuple[Action, ...] = ()
    presets: tuple[Preset, ...] = ()

    def start(self) -> tuple[Preset, ...]:
        """The mappings that a new connection begins with: the automatic presets, or where there
        are none, each action with a trigger of its own."""
        automatic = tuple(p for p in self.presets if p.type == "automatic" and p.trigger)
        if automatic:
            return automatic
        own: dict[str, Preset] = {}
        for action in self.actions:
            if action.trigger and not action.hidden:
                mapping = action.default_mapping()
                preset = Preset(name=action.title, action=action.slug, trigger=action.trigger)
                own.setdefault(action.trigger, msgspec.structs.replace(preset, mapping=mapping))
        return tuple(own.values())

    def action(self, slug: str) -> Action:
        """Raises Misconfigured on one that it doesn't have."""
        for action in self.actions:
            if action.slug == slug:
                return action
        known = ", ".join(a.slug for a in self.actions)
        raise Misconfigured(f"{self.slug} has no action {slug!r}; it has {known}")


class _Slug(msgspec.Struct):
    slug: str


class _File(msgspec.Struct):
    format: Literal[1]
    destinations: list[msgspec.Raw]


@cache
def _entries() -> dict[str, msgspec.Raw]:
    try:
        content = gzip.decompress(MANIFEST.read_bytes())
    except FileNotFoundError:
        raise Misconfigured(
            "the actions runtime is not built: run ./dev setup (a wheel carries it)"
        ) from None
    file = msgspec.json.decode(content, type=_File)
    return {msgspec.json.decode(raw, type=_Slug).slug: raw for raw in file.destinations}


def is_built() -> bool:
    return MANIFEST.is_file()


def slugs() -> tuple[str, ...]:
    return tuple(_entries())


@cache
def destination(slug: str) -> ActionsDestination:
    """With our presets beside upstream's. Raises Misconfigured on an unknown one."""
    raw = _entries().get(slug)
    if raw is None:
        raise Misconfigured(f"unknown destination type {slug!r}")
    found = msgspec.json.decode(raw, type=ActionsDestination)
    return _overlaid(_mended(found), overlays().get(slug, Overlay()))


def _mended(found: ActionsDestination) -> ActionsDestination:
    """Some presets are of actions that run in browsers only, and some triggers are no FQL."""
    replace = msgspec.structs.replace
    actions = tuple(replace(a, trigger=_trigger(a.trigger)) for a in found.actions)
    by_slug = {action.slug: action for action in actions}
    presets = tuple(
        replace(p, trigger=_trigger(p.trigger), mapping=_with_mode(by_slug[p.action], p.mapping))
        for p in found.presets
        if p.action in by_slug
    )
    return replace(found, actions=actions, presets=presets)


def _with_mode(action: Action, mapping: dict[str, Any]) -> dict[str, Any]:
    mode = action.sync_mode
    return {SYNC_MODE: mode.default} | mapping if mode is not None and mode.default else mapping


_BARE = re.compile(r"\b(type|event)\s*=\s*([A-Za-z]\w*)")


def _trigger(text: str) -> str:
    """Upstream writes `AND`, a comma for it, `==`, and words without quotes."""
    text = text.replace("==", "=")
    text = re.sub(r"\bAND\b|,(?=\s*event\b)", " and ", text).replace("  ", " ")
    return _BARE.sub(r'\1 = "\2"', text)


def _overlaid(found: ActionsDestination, ours: Overlay) -> ActionsDestination:
    settings = (*found.settings, *msgspec.convert(ours.settings, tuple[Field, ...]))
    kept = () if ours.replaces else found.presets
    presets = tuple(_preset(found, entry) for entry in ours.presets)
    return msgspec.structs.replace(found, settings=settings, presets=(*kept, *presets))


def _preset(found: ActionsDestination, entry: dict[str, Any]) -> Preset:
    """An overlay names only what differs from the action's own default mapping and trigger."""
    preset = msgspec.convert(entry, Preset)
    action = found.action(preset.action)
    return msgspec.structs.replace(
        preset,
        trigger=preset.trigger or action.trigger,
        mapping=action.default_mapping() | preset.mapping,
    )


def secret_settings(found: ActionsDestination) -> frozenset[str]:
    return frozenset(field.name for field in found.settings if field.type == "password")


@cache
def card(slug: str) -> Card:
    """As the rest of the catalogue writes it."""
    found = destination(slug)
    known = facts().get(slug, Facts())
    return Card(
        slug=slug,
        name=known.name or found.name,
        description=known.description or found.description,
        categories=known.categories,
        former_names=tuple(dict.fromkeys(n for n in (*known.former_names, found.name) if n)),
        calls=_calls(found),
        settings=tuple(map(_setting, found.settings)),
    )


def cards() -> dict[str, Card]:
    return {slug: card(slug) for slug in slugs()}


def _setting(field: Field) -> CardField:
    kinds: dict[str, Literal["number", "boolean"]] = {
        "number": "number",
        "integer": "number",
        "boolean": "boolean",
    }
    return CardField(
        name=field.name,
        label=field.label or field.name,
        type="select" if field.choices else kinds.get(field.type, "string"),
        help=field.description,
        required=field.required,
        secret=field.type == "password",
        default=field.default,
        choices=tuple(str(choice.value) for choice in field.choices),
        minimum=field.minimum,
        maximum=field.maximum,
    )


_TYPE = re.compile(r"type\s*=\s*[\"'](\w+)[\"']")


def _calls(found: ActionsDestination) -> tuple[str, ...]:
    """The types of call that its triggers name; all where they name none."""
    triggers = [a.trigger for a in found.actions] + [p.trigger for p in found.presets]
    named = {kind for trigger in triggers for kind in _TYPE.findall(trigger)}
    return tuple(call for call in CALLS if call in named) or CALLS
