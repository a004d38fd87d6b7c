"""Integration requests: what people miss in the catalog. One for a name; asking again is a vote."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal, cast

from sqlalchemy import Column, RowMapping, Select, delete, func, insert, select

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Rejected
from crossdock.base.ids import new_id
from crossdock.catalog.cards import destination_cards, source_cards, warehouse_cards
from crossdock.state.days import DAY_MS
from crossdock.state.tables import integration_requests, integration_votes
from crossdock.workspace.api.paging import Asked, Pagination, page_of
from crossdock.workspace.auditing.export import harmless, written
from crossdock.workspace.control import Change, not_found
from crossdock.workspace.mail.queue import one_line, queue_message
from crossdock.workspace.mail.recipients import owners_of
from crossdock.workspace.views import View

Kind = Literal["SOURCE", "DESTINATION", "WAREHOUSE"]
REQUESTS_MAX: Final = 1_000
ASKED_PER_DAY_MAX: Final = 20
"""New ones by one principal: each is mailed to the owners."""
NAME_CHARS_MAX: Final = 100
URL_CHARS_MAX: Final = 500
NOTE_CHARS_MAX: Final = 2_000
COLUMNS: Final = ("id", "kind", "name", "votes", "url", "note", "createdBy", "createdAt")
_URL: Final = re.compile(r"https?://[!-~]+")

_CARDS: Final = {
    "SOURCE": source_cards,
    "DESTINATION": destination_cards,
    "WAREHOUSE": warehouse_cards,
}


class IntegrationRequest(View, frozen=True):
    """`has_voted`: whether the caller has."""

    resource_type: ClassVar[str] = "INTEGRATION_REQUEST"
    id: str
    kind: Kind
    name: str
    url: str
    note: str
    votes: int
    has_voted: bool
    created_by: str
    created_at: str


def ask_integration(
    change: Change, *, kind: Kind, name: str, url: str = "", note: str = ""
) -> IntegrationRequest:
    """The request, new or the one there is for this name, with the caller's vote in it. Any member
    may. Raises Rejected: 422 malformed or too many, 409 where the catalog has it."""
    name = one_line(name, NAME_CHARS_MAX + 1)
    _check(name, url, note)
    folded = _folded(name)
    _refuse_known(kind, name, folded)
    mine = (
        integration_requests.c.workspace_id == change.workspace,
        integration_requests.c.kind == kind,
        integration_requests.c.folded_name == folded,
    )
    known = change.connection.execute(select(integration_requests.c.id).where(*mine)).scalar()
    if known is not None:
        return vote(change, known, True)
    _check_room(change)
    request_id = new_id("irq")
    change.connection.execute(
        insert(integration_requests).values(
            id=request_id,
            workspace_id=change.workspace,
            kind=kind,
            name=name,
            folded_name=folded,
            url=url,
            note=note,
            created_by=change.principal.id,
            created_ms=change.now_ms,
        )
    )
    _add_vote(change, request_id)
    made = get_request(change, request_id)
    change.audit("Integration Requested", request_id, None, made)
    _tell_owners(change, made)
    return made


def list_requests(change: Change, page: Asked) -> tuple[list[IntegrationRequest], Pagination]:
    """Those with the most votes first; of as many, the newest."""
    with_votes = _with_votes(change).subquery()
    named = (with_votes.c.votes, with_votes.c.created_ms, with_votes.c.id)
    key = cast("Sequence[Column[Any]]", named)  # a subquery's have names as a table's do
    found = page_of(
        change.connection,
        select(with_votes),
        key,
        page,
        name="integration-requests",
        newest_first=True,
    )
    return [_info(row) for row in found.rows], found.pagination


def get_request(change: Change, request_id: str) -> IntegrationRequest:
    query = _with_votes(change).where(integration_requests.c.id == request_id)
    row = change.connection.execute(query).mappings().first()
    if row is None:
        raise not_found("integration request", request_id)
    return _info(row)


def vote(change: Change, request_id: str, wanted: bool) -> IntegrationRequest:
    """Cast the caller's vote, or take it back; nothing where it stands so already. Any member."""
    before = get_request(change, request_id)
    if before.has_voted == wanted:
        return before
    if wanted:
        _add_vote(change, before.id)
    else:
        change.connection.execute(
            delete(integration_votes).where(
                integration_votes.c.request_id == before.id,
                integration_votes.c.voter == change.principal.id,
            )
        )
    after = get_request(change, before.id)
    action = "Integration Request Voted" if wanted else "Integration Request Vote Removed"
    change.audit(action, before.id, before, after)
    return after


def delete_request(change: Change, request_id: str) -> IntegrationRequest:
    """With its votes. For owners."""
    change.access.require_owner()
    gone = get_request(change, request_id)
    change.connection.execute(
        delete(integration_votes).where(integration_votes.c.request_id == gone.id)
    )
    change.connection.execute(
        delete(integration_requests).where(integration_requests.c.id == gone.id)
    )
    change.audit("Integration Request Deleted", gone.id, gone)
    return gone


def export_requests(change: Change) -> str:
    """All of them as CSV, in the list's order. No cell is a formula to a spreadsheet."""
    with_votes = _with_votes(change).subquery()
    query = select(with_votes).order_by(
        with_votes.c.votes.desc(), with_votes.c.created_ms.desc(), with_votes.c.id.desc()
    )
    rows: list[Sequence[str]] = [COLUMNS]
    for one in map(_info, change.connection.execute(query).mappings()):
        cells = (one.id, one.kind, one.name, str(one.votes), one.url, one.note)
        rows.append([harmless(cell) for cell in (*cells, one.created_by, one.created_at)])
    return written(rows)


def _check(name: str, url: str, note: str) -> None:
    if not name or len(name) > NAME_CHARS_MAX or not _folded(name):
        expected = f"expected 1 to {NAME_CHARS_MAX} characters with a letter or digit"
        raise Rejected("validation", f"name is {name[:80]!r}: {expected}", 422, "name")
    if len(url) > URL_CHARS_MAX or (url and not _URL.fullmatch(url)):
        expected = f"expected http://... or https://..., at most {URL_CHARS_MAX} characters"
        raise Rejected("validation", f"url is {url[:80]!r}: {expected}", 422, "url")
    if len(note) > NOTE_CHARS_MAX or "\0" in note:
        expected = f"expected at most {NOTE_CHARS_MAX} without NUL"
        raise Rejected("validation", f"note is {len(note)} characters: {expected}", 422, "note")


def _folded(name: str) -> str:
    """`Google-Analytics 4`, `google analytics4`: the same."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in plain if c.isalnum())


def _refuse_known(kind: Kind, name: str, folded: str) -> None:
    for card in _CARDS[kind]().values():
        if folded in (_folded(card.name), _folded(card.slug)):
            problem = f"{name} is in the catalog: its type is {card.slug}"
            raise Rejected("conflict", problem, 409, "name")


def _check_room(change: Change) -> None:
    count = select(func.count()).select_from(integration_requests)
    here = count.where(integration_requests.c.workspace_id == change.workspace)
    if change.connection.execute(here).scalar_one() >= REQUESTS_MAX:
        problem = f"a workspace holds at most {REQUESTS_MAX} integration requests"
        raise Rejected("limit", problem, 422)
    today = here.where(
        integration_requests.c.created_by == change.principal.id,
        integration_requests.c.created_ms > change.now_ms - DAY_MS,
    )
    if change.connection.execute(today).scalar_one() >= ASKED_PER_DAY_MAX:
        problem = f"at most {ASKED_PER_DAY_MAX} new integration requests in 24 hours"
        raise Rejected("limit", problem, 429)


def _add_vote(change: Change, request_id: str) -> None:
    change.connection.execute(
        insert(integration_votes).values(
            request_id=request_id,
            voter=change.principal.id,
            workspace_id=change.workspace,
            created_ms=change.now_ms,
        )
    )


def _tell_owners(change: Change, made: IntegrationRequest) -> None:
    who = change.principal.email or change.principal.name
    lines = [f"{who} asks for a {made.kind.lower()} that is not in the catalog: {made.name}"]
    lines += [f"\n{part}" for part in (made.url, made.note) if part]
    for owner in owners_of(change.connection, change.workspace):
        queue_message(
            change.connection,
            workspace_id=change.workspace,
            kind="integration-request",
            recipient=owner,
            subject=f"Integration request: {made.name}",
            text="\n".join(lines) + "\n",
            now_ms=change.now_ms,
            secrets=change.secrets,
        )


def _with_votes(change: Change) -> Select[Any]:
    """Requests of the workspace with `votes` and `mine`, whether the caller's is among them."""
    of_request = integration_votes.c.request_id == integration_requests.c.id
    counted = select(func.count()).select_from(integration_votes).where(of_request)
    mine = counted.where(integration_votes.c.voter == change.principal.id)
    return select(
        integration_requests,
        counted.scalar_subquery().label("votes"),
        mine.scalar_subquery().label("mine"),
    ).where(integration_requests.c.workspace_id == change.workspace)


def _info(row: RowMapping) -> IntegrationRequest:
    return IntegrationRequest(
        id=row["id"],
        kind=row["kind"],
        name=row["name"],
        url=row["url"],
        note=row["note"],
        votes=row["votes"],
        has_voted=row["mine"] > 0,
        created_by=row["created_by"],
        created_at=iso_ms(row["created_ms"]),
    )
