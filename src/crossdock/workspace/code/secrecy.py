"""Secrets in a workspace file: references to the environment or to files, never the text itself."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from crossdock.base.secrets import SECRET_NAME, is_sealed
from crossdock.catalog.cards import Card
from crossdock.workspace.code.reading import Places, Where

SECRET_BYTES_MAX: Final = 64 * 1024
KINDS: Final = ("env", "file")


class Kept:
    """Stands for a secret whose reference names nothing here: what is stored stays as it is."""

    def __repr__(self) -> str:
        return "(kept)"


KEPT: Final = Kept()


def is_reference(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in KINDS


def resolved(
    value: Any, at: Where, places: Places, environ: Mapping[str, str], folder: Path
) -> Any:
    """A reference's text; KEPT where there is none; other values with theirs resolved."""
    if is_reference(value):
        kind, name = next(iter(value.items()))
        if not isinstance(name, str) or not name:
            raise places.wrong(at, f"{kind} is {name!r:.80}: expected a name")
        return environ.get(name, KEPT) if kind == "env" else _content(name, at, places, folder)
    if isinstance(value, dict):
        return {k: resolved(v, (*at, k), places, environ, folder) for k, v in value.items()}
    return value


def referenced(card: Card | None, settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Settings as a file may show them: each secret as a reference to the environment."""
    secret = {field.name for field in card.settings if field.secret} if card else set()
    return {
        name: _hidden(value, f"{prefix}_{name}", hide=name in secret)
        for name, value in settings.items()
    }


def variable(*parts: str) -> str:
    """`("shop", "api_key")` -> `SHOP_API_KEY`."""
    return re.sub(r"[^A-Z0-9]+", "_", "_".join(parts).upper()).strip("_")


def _hidden(value: Any, name: str, *, hide: bool) -> Any:
    if is_sealed(value) or hide:
        return {"env": variable(name)}
    if isinstance(value, dict):
        return {
            k: _hidden(v, f"{name}_{k}", hide=bool(SECRET_NAME.search(k))) for k, v in value.items()
        }
    return value


def _content(name: str, at: Where, places: Places, folder: Path) -> Any:
    path = folder / name
    try:
        with path.open("rb") as file:
            data = file.read(SECRET_BYTES_MAX + 1)
    except FileNotFoundError:
        return KEPT
    except OSError as error:
        raise places.wrong(at, f"file {name} cannot be read: {error.strerror}") from None
    if len(data) > SECRET_BYTES_MAX:
        raise places.wrong(at, f"file {name} is larger than {SECRET_BYTES_MAX} bytes")
    try:
        return data.decode().rstrip("\n")
    except UnicodeDecodeError:
        raise places.wrong(at, f"file {name} is no text") from None
