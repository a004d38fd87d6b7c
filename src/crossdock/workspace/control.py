"""One change of a workspace by one actor: its rows, its audit row and the snapshot's new version
commit together; then the snapshot's file follows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Table,
    func,
    insert,
    select,
)

from crossdock.base.clock import Clock
from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Misconfigured, Rejected
from crossdock.base.ids import new_id, slug_of
from crossdock.base.secrets import SECRET_NAME, SecretBox
from crossdock.catalog.cards import Card
from crossdock.state.database import Database
from crossdock.state.tables import (
    audit,
    destinations,
    source_slugs,
    sources,
    warehouses,
    workspaces,
)
from crossdock.workspace.access.principals import CLI, CROSSDOCK, Principal
from crossdock.workspace.access.rights import Access, access_of
from crossdock.workspace.access.roles import Area, Level
from crossdock.workspace.founding import found_workspace
from crossdock.workspace.idle.settling import settle_idles
from crossdock.workspace.publish import publish, raise_version
from crossdock.workspace.views import View, WorkspaceInfo, audited

T = TypeVar("T")

NAME_CHARS_MAX = 200
SETTINGS_BYTES_MAX = 64 * 1024
SOURCES_MAX = 10_000
INSTANCES_MAX = 2_000
"""Destinations or warehouses of one workspace, of which each costs readers of the log. Snapshots
are small files that every process holds."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a service needs inside one transaction."""

    connection: Connection
    workspace: str
    principal: Principal
    access: Access
    now_ms: int
    secrets: SecretBox

    def audit(
        self, action: str, subject: str, before: View | None = None, after: View | None = None
    ) -> None:
        """Note who did what; `before` and `after` are views, masked here. Names of actions are
        Segment's where it has one."""
        view = after or before
        self.connection.execute(
            insert(audit).values(
                workspace_id=self.workspace,
                at_ms=self.now_ms,
                actor=self.principal.id,
                actor_email=self.principal.email,
                action=action,
                subject=subject,
                resource_type="" if view is None else view.resource_type,
                resource_name="" if view is None else view.resource_name,
                before=audited(before),
                after=audited(after),
            )
        )


class Control:
    """The way to read and change workspaces. Everything here blocks: call it in a thread."""

    def __init__(
        self, database: Database, secrets: SecretBox, clock: Clock, folder: DataFolder
    ) -> None:
        self.database = database
        self.secrets = secrets
        self.clock = clock
        self.folder = folder

    def ensure_workspace(self) -> WorkspaceInfo:
        """The first workspace, made where there is none; its snapshot published."""

        def work(connection: Connection) -> WorkspaceInfo:
            first = connection.execute(
                select(workspaces)
                .where(workspaces.c.deleted_ms.is_(None))
                .order_by(workspaces.c.created_ms)
                .limit(1)
            ).first()
            if first is not None:
                return WorkspaceInfo(id=first.id, slug=first.slug, name=first.name)
            made = WorkspaceInfo(id=new_id("ws"), slug="default", name="Default")
            found_workspace(self._change(connection, made.id, CROSSDOCK), made)
            raise_version(connection)
            return made

        workspace = self.database.transact(work)
        self.publish()
        return workspace

    def change(
        self,
        work: Callable[[Change], T],
        *,
        workspace: str | None = None,
        principal: Principal = CLI,
    ) -> tuple[T, int]:
        """Run `work` and publish; its result and the snapshot version that holds the change.

        `workspace` is a slug or id; None means the only one. A stranger finds no workspace (404).
        """

        def in_transaction(connection: Connection) -> tuple[T, int]:
            change = self._entered(connection, workspace, principal)
            made = work(change)
            settle_idles(connection, change.workspace, change.now_ms)
            return made, raise_version(connection)

        result, version = self.database.transact(in_transaction)
        self.publish()
        return result, version

    def read(
        self,
        work: Callable[[Change], T],
        *,
        workspace: str | None = None,
        principal: Principal = CLI,
    ) -> T:
        """Run `work` without a new version: it must only read."""
        return self.database.read(
            lambda connection: work(self._entered(connection, workspace, principal))
        )

    def _entered(
        self, connection: Connection, workspace: str | None, principal: Principal
    ) -> Change:
        change = self._change(connection, find_workspace(connection, workspace).id, principal)
        if not change.access.is_member:
            raise not_found("workspace", workspace or "")
        return change

    def _change(self, connection: Connection, workspace: str, principal: Principal) -> Change:
        access = access_of(connection, principal, workspace)
        return Change(connection, workspace, principal, access, self.clock.now_ms(), self.secrets)

    def publish(self) -> int:
        return publish(self.database, self.folder, self.clock.now_ms())


def find_workspace(connection: Connection, slug: str | None) -> WorkspaceInfo:
    alive = select(workspaces).where(workspaces.c.deleted_ms.is_(None))
    rows = connection.execute(alive.order_by(workspaces.c.created_ms, workspaces.c.id)).all()
    found = [row for row in rows if slug in (None, row.slug, row.id)]
    if len(found) == 1:
        return WorkspaceInfo(id=found[0].id, slug=found[0].slug, name=found[0].name)
    if slug is None and found:
        slugs = ", ".join(row.slug for row in found)
        raise Misconfigured(f"there are several workspaces ({slugs}): name one with --workspace")
    if slug is None:
        raise Misconfigured("there is no workspace yet: `crossdock serve` makes the first")
    raise not_found("workspace", slug)


class _Owned(NamedTuple):
    """How rights over a table's rows are judged: in an area, by the id in a column."""

    area: Area
    column: Column[Any]


_OWNED: Final = {
    sources: _Owned("SOURCE", sources.c.id),
    destinations: _Owned("SOURCE", destinations.c.source_id),
    warehouses: _Owned("WAREHOUSE", warehouses.c.id),
}
"""A destination belongs to its source, and so do the rights over it."""


def find_row(
    change: Change, table: Table, kind: str, reference: str, level: Level = Level.READ
) -> RowMapping:
    """The row of a slug or an id in this workspace, on which the principal has `level`. A source is
    found by the slugs it had before, too.

    Raises Rejected: 404 where there is none that may be seen, 403 where it may only be seen.
    """
    if "\0" in reference:  # PostgreSQL would refuse the question
        raise not_found(kind, reference)
    named = (table.c.id == reference) | (table.c.slug == reference)
    if table is sources:
        former = select(source_slugs.c.source_id).where(
            source_slugs.c.workspace_id == change.workspace, source_slugs.c.slug == reference
        )
        named |= sources.c.id.in_(former)
    row = change.connection.execute(visible_rows(change, table).where(named)).mappings().first()
    if row is None:
        raise not_found(kind, reference)
    owned = _OWNED[table]
    change.access.require(owned.area, level, row[owned.column.name])
    return row


def rows_of(change: Change, table: Table) -> list[RowMapping]:
    """All that may be seen, the oldest first."""
    query = visible_rows(change, table).order_by(table.c.created_ms, table.c.id)
    return list(change.connection.execute(query).mappings())


def visible_rows(change: Change, table: Table) -> Select[Any]:
    """Of sources, destinations or warehouses: the living ones that the principal may see."""
    return select(table).where(*visible(change, table))


def visible(change: Change, table: Table) -> tuple[ColumnElement[bool], ...]:
    owned = _OWNED[table]
    return (
        table.c.workspace_id == change.workspace,
        table.c.deleted_ms.is_(None),
        change.access.visible(owned.area, owned.column),
    )


def check_name(kind: str, name: str) -> None:
    """Raises Misconfigured where people could not read it, or a database not keep it."""
    if not name.strip() or len(name) > NAME_CHARS_MAX:
        raise Misconfigured(
            f"the {kind}'s name is {len(name)} characters: expected 1 to {NAME_CHARS_MAX}", "name"
        )
    if not name.isprintable():
        raise Misconfigured(f"the {kind}'s name holds characters that cannot be shown", "name")


def new_slug(change: Change, table: Table, kind: str, name: str, slug: str | None) -> str:
    """`slug` if it is well formed and free, else one made from `name`.

    Slugs of deleted things stay taken: files, schemas and counts are named after them.
    """
    check_name(kind, name)
    owned = table.c.workspace_id == change.workspace
    alive = change.connection.execute(
        select(func.count()).select_from(table).where(owned, table.c.deleted_ms.is_(None))
    ).scalar_one()
    most = SOURCES_MAX if table is sources else INSTANCES_MAX
    if alive >= most:
        raise Rejected("limit", f"a workspace holds at most {most} {kind}s", 422)
    if slug is None:
        return slug_of(name, _taken_slugs(change, table))
    check_slug(change, table, kind, slug)
    return slug


def check_slug(change: Change, table: Table, kind: str, slug: str) -> None:
    """Raises Misconfigured where it is malformed, Rejected (409) where it is taken."""
    if slug != slug_of(slug):
        raise Misconfigured(
            f"slug is {slug[:80]!r}: expected lower-case letters, digits and hyphens, 60 at most",
            field="slug",
        )
    if slug in _taken_slugs(change, table):
        raise Rejected(
            "conflict", f"a {kind} with the slug {slug!r} exists or existed", 409, "slug"
        )


def _taken_slugs(change: Change, table: Table) -> set[str]:
    """Those of sources that are called otherwise now, too."""
    mine = select(table.c.slug).where(table.c.workspace_id == change.workspace)
    taken = set(change.connection.execute(mine).scalars())
    if table is sources:
        former = select(source_slugs.c.slug).where(source_slugs.c.workspace_id == change.workspace)
        taken |= set(change.connection.execute(former).scalars())
    return taken


def sealed_settings(change: Change, card: Card, given: dict[str, Any]) -> dict[str, Any]:
    """`given` as the card wants it, secrets sealed: whole settings that the card calls secret, and
    of maps the values whose names speak of one. Sealed values may stand in `given`."""
    secret = {field.name for field in card.settings if field.secret}
    size = len(msgspec.json.encode(given))
    if size > SETTINGS_BYTES_MAX:
        raise Misconfigured(
            f"settings are {size} bytes of JSON: expected at most {SETTINGS_BYTES_MAX}", "settings"
        )
    checked = card.check(change.secrets.open_all(given))
    return {name: _sealed(change, value, name in secret) for name, value in checked.items()}


def _sealed(change: Change, value: Any, is_secret: bool) -> Any:
    if is_secret:
        return change.secrets.seal(str(value))
    if isinstance(value, dict):
        return {n: _sealed(change, v, bool(SECRET_NAME.search(n))) for n, v in value.items()}
    return value


def card_of(cards: dict[str, Card], kind: str, slug: str) -> Card:
    card = cards.get(slug)
    if card is None:
        known = ", ".join(sorted(cards)) or "none"
        raise Misconfigured(f"{kind} type is {slug[:80]!r}: expected one of {known}", "metadataId")
    return card


def not_found(kind: str, reference: str) -> Rejected:
    return Rejected("not_found", f"there is no {kind} {reference[:80]!r} in this workspace", 404)
