"""Actions and presets of a destination as the Public API's catalog shows them."""

from functools import cache
from typing import Any

import msgspec

from crossdock.catalog.actions import manifest
from crossdock.catalog.actions.manifest import Action, Field
from crossdock.catalog.cards import native_cards

_KINDS = {
    "string": "STRING",
    "text": "TEXT",
    "number": "NUMBER",
    "integer": "INTEGER",
    "datetime": "DATETIME",
    "boolean": "BOOLEAN",
    "password": "PASSWORD",
    "object": "OBJECT",
    "hidden": "HIDDEN",
}


class _Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Members spelt in camelCase outside."""


class FieldModel(_Model, frozen=True):
    """A field of an action; `default_value` may hold mapping directives."""

    id: str
    sort_order: int
    field_key: str
    label: str
    type: str
    description: str
    placeholder: str
    default_value: Any
    required: bool
    multiple: bool
    choices: Any
    dynamic: bool
    allow_null: bool


class ActionModel(_Model, frozen=True):
    """`id` is the slug, too: what `actionId` of a mapping names."""

    id: str
    slug: str
    name: str
    description: str
    platform: str
    hidden: bool
    default_trigger: str | None
    fields: tuple[FieldModel, ...]


class PresetModel(_Model, frozen=True):
    action_id: str
    name: str
    fields: dict[str, Any]
    trigger: str


@cache
def actions_of(slug: str) -> tuple[ActionModel, ...]:
    """None of a destination without actions."""
    if slug in native_cards():
        return ()
    return tuple(_action(action) for action in manifest.destination(slug).actions)


@cache
def presets_of(slug: str) -> tuple[PresetModel, ...]:
    """What a new destination of the type begins with."""
    if slug in native_cards():
        return ()
    return tuple(
        PresetModel(
            action_id=preset.action,
            name=preset.name,
            fields=preset.mapping,
            trigger=preset.trigger,
        )
        for preset in manifest.destination(slug).start()
    )


def _action(action: Action) -> ActionModel:
    return ActionModel(
        id=action.slug,
        slug=action.slug,
        name=action.title,
        description=action.description,
        platform="CLOUD",
        hidden=action.hidden,
        default_trigger=action.trigger or None,
        fields=tuple(_field(action, n, field) for n, field in enumerate(action.fields)),
    )


def _field(action: Action, position: int, field: Field) -> FieldModel:
    return FieldModel(
        id=f"{action.slug}.{field.name}",
        sort_order=position,
        field_key=field.name,
        label=field.label or field.name,
        type=_KINDS.get(field.type, "STRING"),
        description=field.description,
        placeholder=field.placeholder,
        default_value=field.default,
        required=field.required,
        multiple=field.multiple,
        choices=[msgspec.to_builtins(choice) for choice in field.choices] or None,
        dynamic=field.dynamic,
        allow_null=field.allow_null,
    )
