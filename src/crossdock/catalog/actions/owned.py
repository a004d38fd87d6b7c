"""What we know of upstream's destinations besides what they say: categories, former names, presets,
where to sign in. Our own files in data/, a table a destination."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec

Mode = Literal["cloud-web", "cloud-mobile", "cloud-server", "device-web", "device-mobile"]


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`name` and `description` stand where upstream has none or one that says nothing. `modes` are
    those of the product that Segment's catalogue lists; this runtime is the cloud ones."""

    name: str = ""
    description: str = ""
    categories: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = ()


class Overlay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Presets of ours, so that a destination works from credentials alone. `replaces`: upstream's
    presets cannot work as they are. `settings` are ours, read by the side process."""

    replaces: bool = False
    presets: tuple[dict[str, Any], ...] = ()
    settings: tuple[dict[str, Any], ...] = ()


class OAuth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the user's own OAuth app gets its tokens; `{name}` in a URL is a setting. `params` go
    with the authorize URL (a vendor that gives a refresh token only when asked, say)."""

    authorize_url: str
    token_url: str
    scopes: tuple[str, ...] = ()
    params: dict[str, str] = {}


@cache
def facts() -> dict[str, Facts]:
    return _read("facts.toml", Facts)


@cache
def overlays() -> dict[str, Overlay]:
    return _read("presets.toml", Overlay)


@cache
def oauth() -> dict[str, OAuth]:
    return _read("oauth.toml", OAuth)


def _read(name: str, kind: type[Any]) -> dict[str, Any]:
    text = resources.files("crossdock.catalog.actions").joinpath("data", name).read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, kind])  # type: ignore[valid-type]
