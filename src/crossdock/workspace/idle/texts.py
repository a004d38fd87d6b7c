"""What people are told about sources that nothing is connected to."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from crossdock.base.clock import iso_ms
from crossdock.workspace.mail.queue import one_line

LISTED_MAX: Final = 50
NAME_CHARS_MAX: Final = 100


class Told(NamedTuple):
    """A source as it is spoken of."""

    id: str
    slug: str
    name: str
    due_ms: int


def notice_text(source: Told) -> str:
    return (
        f"Nothing is connected to {_name(source)}. It will be disabled on {day(source.due_ms)} or "
        "later, even if events arrive. Enable a destination or a warehouse for it, or set it to be "
        "kept alive."
    )


def disabled_text(source: Told, days: int) -> str:
    return (
        f"{_name(source)} was disabled: nothing was connected to it for {days} days. Events that "
        "arrive are refused. Connect something, then enable it."
    )


def mail_subject(sources: Sequence[Told], workspace: str) -> str:
    if len(sources) == 1:
        return f"{_name(sources[0])} will be disabled on {day(sources[0].due_ms)}"
    first = min(source.due_ms for source in sources)
    return f"{len(sources)} sources of {workspace} will be disabled from {day(first)} on"


def mail_text(sources: Sequence[Told], workspace: str, app_url: str) -> str:
    """Of one notice, about all sources whose turn it is; `app_url` may be empty."""
    ordered = sorted(sources, key=lambda source: (source.due_ms, source.slug))
    lines = [f"  {_name(s)} ({s.slug}): {day(s.due_ms)}" for s in ordered[:LISTED_MAX]]
    if len(ordered) > LISTED_MAX:
        lines.append(f"  and {len(ordered) - LISTED_MAX} more, which the list of sources shows")
    advice = (
        "Each will be disabled on its day, even if events arrive; events are refused from then on. "
        "To keep one, enable a destination or a warehouse for it, or set it to be kept alive."
    )
    about = [
        f"In the workspace {one_line(workspace, NAME_CHARS_MAX)} nothing is connected to:",
        "",
        *lines,
        "",
        advice,
    ]
    if app_url:
        about += ["", app_url]
    return "\n".join(about) + "\n"


def day(at_ms: int) -> str:
    """`2026-10-05 14:00 UTC`"""
    text = iso_ms(at_ms)
    return f"{text[:10]} {text[11:16]} UTC"


def _name(source: Told) -> str:
    return one_line(source.name, NAME_CHARS_MAX)
