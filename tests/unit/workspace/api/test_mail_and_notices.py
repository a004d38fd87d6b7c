"""Messages and notices over the Public API."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.unit.workspace.api_kit import ApiKit, api_kit
from tests.unit.workspace.granting import granted_token

from crossdock.base.settings import Settings
from crossdock.state.counts import CountRow, add_counts, minute_of
from crossdock.state.tables import messages
from crossdock.workspace.access.principals import CLI, Principal
from crossdock.workspace.api.paging import Asked
from crossdock.workspace.mail.inbox import list_messages
from crossdock.workspace.mail.posting import Poster
from crossdock.workspace.mail.queue import queue_message
from crossdock.workspace.notices import raise_notice, resolve_notice


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path) as kit:
        yield kit


def workspace(api: ApiKit) -> str:
    return api.control.read(lambda change: change.workspace)


def queue(api: ApiKit, subject: str, *, of_installation: bool = False) -> int:
    return api.control.database.transact(
        lambda c: queue_message(
            c,
            workspace_id=None if of_installation else workspace(api),
            kind="invite",
            recipient="jane@example.com",
            subject=subject,
            text="https://example.com/link",
            now_ms=api.clock.now_ms(),
            secrets=api.control.secrets,
        )
    )


def show(api: ApiKit, subject: str, kind: str = "test", text: str = "text") -> None:
    api.control.database.transact(
        lambda c: raise_notice(
            c,
            workspace_id=workspace(api),
            kind=kind,
            subject=subject,
            text=text,
            now_ms=api.clock.now_ms(),
        )
    )


def subjects(api: ApiKit, token: str | None = None) -> set[str]:
    status, answer = api.call("GET", "/notices", token=token)
    assert status == 200
    return {notice["subject"] for notice in answer["data"]["notices"]}


def test_without_a_mail_server_owners_read_the_message_with_its_link(api: ApiKit) -> None:
    queue(api, "Join us")
    control = api.control
    poster = Poster(control.database, control.secrets, api.clock, Settings())
    assert api.ok("GET", "/messages")["messages"][0]["state"] == "WAITING"
    asyncio.run(poster.round())
    (message,) = api.ok("GET", "/messages")["messages"]
    assert message["state"] == "TO_BE_READ"
    assert (message["subject"], message["text"]) == ("Join us", "https://example.com/link")


def test_a_message_that_was_sent_shows_no_text(api: ApiKit) -> None:
    sent = queue(api, "Join us")
    api.control.database.transact(
        lambda c: c.execute(
            update(messages)
            .where(messages.c.id == sent)
            .values(sent_ms=api.clock.now_ms(), next_ms=None)
        )
    )
    (message,) = api.ok("GET", "/messages")["messages"]
    assert (message["state"], message["text"]) == ("SENT", None)


def test_members_read_no_messages(api: ApiKit) -> None:
    queue(api, "Join us")
    assert api.refused("GET", "/messages", token=api.make_token("member"))[:2] == (403, "forbidden")


def test_messages_of_the_installation_are_its_owners_only(api: ApiKit) -> None:
    """They hold links that set somebody's password."""
    queue(api, "A new password", of_installation=True)
    assert api.ok("GET", "/messages")["messages"] == []
    found, _ = api.control.read(lambda c: list_messages(c, Asked()), principal=CLI)
    assert [m.subject for m in found] == ["A new password"]
    person = Principal(kind="person", id="per_1", name="O", is_owner=True)
    found, _ = api.control.read(lambda c: list_messages(c, Asked()), principal=person)
    assert [m.subject for m in found] == ["A new password"]


def test_messages_page_with_the_newest_first(api: ApiKit) -> None:
    for n in range(3):
        queue(api, f"Mail {n}")
        api.clock.advance(1)
    page = api.ok("GET", "/messages", **{"pagination[count]": 2})
    assert [m["subject"] for m in page["messages"]] == ["Mail 2", "Mail 1"]
    rest = api.ok("GET", "/messages", **{"pagination[cursor]": page["pagination"]["next"]})
    assert [m["subject"] for m in rest["messages"]] == ["Mail 0"]


def test_a_notice_is_shown_once_with_its_newest_text_until_it_is_resolved(api: ApiKit) -> None:
    show(api, "x", text="old")
    api.clock.advance(60)
    show(api, "x", text="new")
    (notice,) = api.ok("GET", "/notices")["notices"]
    assert (notice["text"], notice["subject"], notice["kind"]) == ("new", "x", "test")
    assert "refusedEvents" not in notice
    for _ in range(2):
        api.control.database.transact(
            lambda c: resolve_notice(
                c,
                workspace_id=workspace(api),
                kind="test",
                subject="x",
                now_ms=api.clock.now_ms(),
            )
        )
    assert api.ok("GET", "/notices")["notices"] == []
    show(api, "x", text="again")
    assert len(api.ok("GET", "/notices")["notices"]) == 1


def test_members_see_notices_about_what_they_may_see(api: ApiKit) -> None:
    made = api.ok("POST", "/sources", {"slug": "shop", "enabled": True, "metadataId": "http-api"})
    other = api.ok("POST", "/sources", {"slug": "blog", "enabled": True, "metadataId": "http-api"})
    shop, blog, own = made["source"]["id"], other["source"]["id"], workspace(api)
    for subject in (shop, blog, own, "whs_unknown"):
        show(api, subject)
    assert subjects(api) == {shop, blog, own, "whs_unknown"}
    assert subjects(api, api.make_token("member")) == {own}
    assert subjects(api, granted_token(api, "source-read-only", "SOURCE", shop)) == {shop, own}


def test_events_that_a_disabled_source_refused_are_shown(api: ApiKit) -> None:
    made = api.ok("POST", "/sources", {"slug": "shop", "enabled": True, "metadataId": "http-api"})
    shop = made["source"]["id"]

    def count(reason: str, minutes_ago: int, units: int) -> CountRow:
        minute = minute_of(api.clock.now_ms() - minutes_ago * 60_000)
        row = (workspace(api), shop, "", "live", minute, "rejected", "track", "", reason)
        return CountRow(*row, units)

    show(api, shop, "source-disabled")
    rows = [
        count("source_disabled", 60, 1),
        count("bad_request", 0, 10),
        count("source_disabled", 0, 100),
        count("source_disabled", -5, 1000),
    ]
    api.control.database.transact(lambda c: add_counts(c, rows))
    (notice,) = api.ok("GET", "/notices")["notices"]
    assert notice["refusedEvents"] == 1100
