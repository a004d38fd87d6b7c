"""How a first event is sent to a source: its card's snippets, filled with a write key and the
address of the tracking port."""

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from crossdock.base.datafolder import DataFolder
from crossdock.base.settings import Settings
from crossdock.catalog.cards import Snippet, source_cards
from crossdock.workspace.control import Change, card_of
from crossdock.workspace.sources.reading import get_source

NO_KEY: Final = "YOUR_WRITE_KEY"
"""For whom write keys are hidden."""


class SnippetInfo(msgspec.Struct, frozen=True):
    title: str
    language: str
    text: str


class SetupInfo(msgspec.Struct, frozen=True, rename="camel"):
    """`write_key` is the one that stands in the snippets; null where it is hidden."""

    source_id: str
    tracking_url: str
    write_key: str | None
    snippets: tuple[SnippetInfo, ...]


def setup_of(change: Change, reference: str, tracking_url: str) -> SetupInfo:
    """Write keys stand in it for Source Admins only, and none that will end."""
    source = get_source(change, reference)
    ending = {key.key for key in source.expiring_keys}
    lasting = [key for key in source.write_keys if key not in ending]
    write_key = lasting[-1] if lasting else None
    card = card_of(source_cards(), "source", source.metadata.slug)
    return SetupInfo(
        source_id=source.id,
        tracking_url=tracking_url,
        write_key=write_key,
        snippets=tuple(_filled(s, write_key or NO_KEY, tracking_url) for s in card.snippets),
    )


def tracking_url_of(settings: Settings, folder: DataFolder) -> str:
    """As people set it; else where `serve` listens; else where it would."""
    if settings.tracking_url:
        return settings.tracking_url.rstrip("/")
    try:
        running: Any = msgspec.json.decode((folder.run / "serve.json").read_bytes())
        return str(running["tracking_url"]).rstrip("/")
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return f"http://localhost:{settings.port}"


def _filled(snippet: Snippet, write_key: str, tracking_url: str) -> SnippetInfo:
    parts = urlsplit(tracking_url)
    text = snippet.text
    for name, value in {
        "writeKey": write_key,
        "trackingUrl": tracking_url,
        "trackingHost": f"{parts.netloc}{parts.path}",
        "trackingScheme": parts.scheme,
    }.items():
        text = text.replace("{{" + name + "}}", value)
    return SnippetInfo(title=snippet.title, language=snippet.language, text=text.strip("\n") + "\n")
