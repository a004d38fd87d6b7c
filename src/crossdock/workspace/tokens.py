"""Access tokens of the API: shown once, narrowed to a role, noted when they are used."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, RowMapping, func, insert, or_, select, update

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Misconfigured, Rejected
from crossdock.base.ids import new_id
from crossdock.state.database import Database
from crossdock.state.tables import tokens
from crossdock.workspace.access.roles import ROLES
from crossdock.workspace.access.shown_once import hash_of, new_secret
from crossdock.workspace.api.paging import Asked, Pagination, page_of
from crossdock.workspace.control import Change, check_name, not_found
from crossdock.workspace.iam.permissions import (
    PermissionInput,
    add_grants,
    checked,
    drop_grants,
    on_workspace,
    permissions_of,
)
from crossdock.workspace.views import LabelRef, ResourceInfo, TokenInfo

SIMPLE_ROLES: Final = ("owner", "member")
TOKENS_MAX = 500
PREFIX = "cdt_"
USE_NOTED_MS: Final = 60_000
"""How exact the time of last use is: a write for every request would be too many."""


def create_token(
    change: Change,
    *,
    role: str,
    name: str = "",
    sources: Sequence[str] = (),
    warehouses: Sequence[str] = (),
    labels: Sequence[LabelRef] = (),
) -> TokenInfo:
    """The one time that `token` is filled. `role`: owner, member, or one of access.roles, then on
    the whole workspace or only on what is named (`sources`, `warehouses`: slugs or ids)."""
    change.access.require_owner()
    if name:
        check_name("token", name)
    permissions = _permissions(change, role, sources, warehouses, labels)
    wanted = checked(change, permissions)
    alive = change.connection.execute(
        select(func.count())
        .select_from(tokens)
        .where(tokens.c.workspace_id == change.workspace, tokens.c.revoked_ms.is_(None))
    ).scalar_one()
    if alive >= TOKENS_MAX:
        raise Rejected("limit", f"a workspace holds at most {TOKENS_MAX} tokens", 422)
    token, token_id = new_secret(PREFIX), new_id("tok")
    change.connection.execute(
        insert(tokens).values(
            id=token_id,
            workspace_id=change.workspace,
            name=name or role,
            role=role,
            hash=hash_of(token),
            created_ms=change.now_ms,
            created_by=change.principal.id,
        )
    )
    add_grants(change, token_id, wanted)
    made = msgspec.structs.replace(get_token(change, token_id), token=token)
    change.audit("Token Created", made.id, None, made)
    return made


def list_tokens(change: Change) -> list[TokenInfo]:
    """Live and revoked ones, without the tokens themselves."""
    change.access.require_owner()
    query = select(tokens).where(tokens.c.workspace_id == change.workspace)
    rows = change.connection.execute(query.order_by(tokens.c.created_ms, tokens.c.id)).mappings()
    return _infos(change, rows.all())


def page_of_tokens(change: Change, page: Asked) -> tuple[list[TokenInfo], Pagination]:
    change.access.require_owner()
    query = select(tokens).where(tokens.c.workspace_id == change.workspace)
    key = (tokens.c.created_ms, tokens.c.id)
    rows, pagination = page_of(change.connection, query, key, page, name="tokens")
    return _infos(change, rows), pagination


def get_token(change: Change, token_id: str) -> TokenInfo:
    query = select(tokens).where(tokens.c.id == token_id, tokens.c.workspace_id == change.workspace)
    row = change.connection.execute(query).mappings().first()
    if row is None:
        raise not_found("token", token_id)
    return _infos(change, [row])[0]


def revoke_token(change: Change, token_id: str) -> TokenInfo:
    """Raises Rejected: 404 unknown, 409 revoked already."""
    change.access.require_owner()
    before = get_token(change, token_id)
    if before.revoked_at is not None:
        raise Rejected("conflict", f"the token {token_id!r} is revoked already", 409)
    change.connection.execute(
        update(tokens).where(tokens.c.id == token_id).values(revoked_ms=change.now_ms)
    )
    drop_grants(change, [token_id])
    after = get_token(change, token_id)
    change.audit("Token Revoked", token_id, before, after)
    return after


def find_token(connection: Connection, token: str) -> TokenInfo | None:
    """Who a presented token is, without its permissions; None where it is unknown or revoked."""
    row = (
        connection.execute(
            select(tokens).where(tokens.c.hash == hash_of(token), tokens.c.revoked_ms.is_(None))
        )
        .mappings()
        .first()
    )
    return None if row is None else _info(row)


def note_use(database: Database, found: TokenInfo, now_ms: int) -> None:
    """Keeps when a token was used last, at most once a minute."""
    before_ms = now_ms - USE_NOTED_MS
    if found.used_at is not None and found.used_at > iso_ms(before_ms):
        return
    stale = or_(tokens.c.used_ms.is_(None), tokens.c.used_ms <= before_ms)
    noted = update(tokens).where(tokens.c.id == found.id, stale).values(used_ms=now_ms)
    database.transact(lambda connection: connection.execute(noted))


def _permissions(
    change: Change,
    role: str,
    sources: Sequence[str],
    warehouses: Sequence[str],
    labels: Sequence[LabelRef],
) -> list[PermissionInput]:
    """What the role of a new token grants. Owner and member grant nothing but what they are."""
    named = [
        *(ResourceInfo(id=source, type="SOURCE") for source in sources),
        *(ResourceInfo(id=warehouse, type="WAREHOUSE") for warehouse in warehouses),
    ]
    if role in SIMPLE_ROLES:
        if named or labels:
            problem = f"role is {role!r}, which is for the whole workspace: name no resources"
            raise Misconfigured(problem, "role")
        return []
    if role not in ROLES:
        known = ", ".join((*SIMPLE_ROLES, *ROLES))
        raise Misconfigured(f"role is {role[:80]!r}: expected one of {known}", "role")
    if not named:
        return [on_workspace(change, role, labels)]
    if labels:
        raise Misconfigured("labels narrow a whole workspace: name no resources beside", "labels")
    return [PermissionInput(role_id=role, resources=tuple(named))]


def _infos(change: Change, rows: Sequence[RowMapping]) -> list[TokenInfo]:
    held = permissions_of(change, [row["id"] for row in rows])
    return [
        msgspec.structs.replace(_info(row), permissions=held.get(row["id"], ())) for row in rows
    ]


def _info(row: RowMapping) -> TokenInfo:
    revoked, used = row["revoked_ms"], row["used_ms"]
    return TokenInfo(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        workspace_id=row["workspace_id"],
        created_at=iso_ms(row["created_ms"]),
        created_by=row["created_by"],
        used_at=None if used is None else iso_ms(used),
        revoked_at=None if revoked is None else iso_ms(revoked),
    )
