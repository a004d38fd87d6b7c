"""Settings as people give them, over those that are stored: what is not named stays, null removes,
and the mask that hides a secret (given back by a form, say) keeps the secret."""

from collections.abc import Mapping
from typing import Any

from crossdock.base.errors import Misconfigured
from crossdock.base.secrets import is_sealed
from crossdock.catalog.cards import Card
from crossdock.workspace.views import HIDDEN


def merged(card: Card, stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Stored secrets stay sealed in it. A map is given whole; the mask keeps its secrets, too.

    Raises Misconfigured naming the setting where a mask hides nothing, or where a value pretends
    to be sealed already.
    """
    secret = {field.name for field in card.settings if field.secret}
    found = {name: value for name, value in stored.items() if name not in given}
    for name, value in given.items():
        at = f"settings.{name[:80]}"
        if value is not None:
            found[name] = _kept(value, stored.get(name), at, name in secret)
    return found


def _kept(value: Any, stored: Any, at: str, is_secret: bool) -> Any:
    if value == HIDDEN and is_sealed(stored):
        return stored
    if value == HIDDEN and is_secret:
        raise Misconfigured(f"{at} is the mask of a secret, but none is stored: give it", at)
    if is_sealed(value):
        raise Misconfigured(f"{at} is sealed: expected the secret itself", at)
    if isinstance(value, Mapping):
        before = stored if isinstance(stored, Mapping) and not is_sealed(stored) else {}
        return {
            name: _kept(inner, before.get(name), f"{at}.{name[:80]}", is_secret)
            for name, inner in value.items()
        }
    return value
