"""Access tokens of the API: 256 random bits, shown once; only their SHA-256 is kept.

A slow hash would add nothing: there is no guessing 256 bits, with or without the hash.
"""

import hashlib
import secrets

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Misconfigured, Rejected
from crossdock.base.ids import new_id
from crossdock.state.tables import tokens
from crossdock.workspace.control import NAME_CHARS_MAX, Change, not_found
from crossdock.workspace.views import TokenInfo

ROLES = ("owner", "member")
TOKENS_MAX = 500
PREFIX = "cdt_"


def create_token(change: Change, *, role: str, name: str = "") -> TokenInfo:
    """The one time that `token` is filled."""
    change.access.require_owner()
    if role not in ROLES:
        raise Misconfigured(f"role is {role!r}: expected one of {', '.join(ROLES)}")
    if len(name) > NAME_CHARS_MAX:
        raise Misconfigured(f"the token's name is longer than {NAME_CHARS_MAX} characters")
    alive = change.connection.execute(
        select(func.count())
        .select_from(tokens)
        .where(tokens.c.workspace_id == change.workspace, tokens.c.revoked_ms.is_(None))
    ).scalar_one()
    if alive >= TOKENS_MAX:
        raise Rejected("limit", f"a workspace holds at most {TOKENS_MAX} tokens", 422)
    token = PREFIX + secrets.token_urlsafe(32)
    made = TokenInfo(
        id=new_id("tok"),
        name=name or role,
        role=role,
        workspace_id=change.workspace,
        created_at=iso_ms(change.now_ms),
        token=token,
    )
    change.connection.execute(
        insert(tokens).values(
            id=made.id,
            workspace_id=change.workspace,
            name=made.name,
            role=role,
            hash=_hash(token),
            created_ms=change.now_ms,
        )
    )
    change.audit("Token Created", made.id, None, made)
    return made


def list_tokens(change: Change) -> list[TokenInfo]:
    """Live and revoked ones, without the tokens themselves."""
    change.access.require_owner()
    query = select(tokens).where(tokens.c.workspace_id == change.workspace)
    rows = change.connection.execute(query.order_by(tokens.c.created_ms, tokens.c.id)).mappings()
    return [_info(row) for row in rows]


def revoke_token(change: Change, token_id: str) -> TokenInfo:
    change.access.require_owner()
    mine = (tokens.c.id == token_id) & (tokens.c.workspace_id == change.workspace)
    change.connection.execute(
        update(tokens).where(mine, tokens.c.revoked_ms.is_(None)).values(revoked_ms=change.now_ms)
    )
    row = change.connection.execute(select(tokens).where(mine)).mappings().first()
    if row is None:
        raise not_found("token", token_id)
    after = _info(row)
    change.audit("Token Revoked", token_id, None, after)
    return after


def find_token(connection: Connection, token: str) -> TokenInfo | None:
    """Who a presented token is; None where it is unknown or revoked."""
    row = (
        connection.execute(
            select(tokens).where(tokens.c.hash == _hash(token), tokens.c.revoked_ms.is_(None))
        )
        .mappings()
        .first()
    )
    return None if row is None else _info(row)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _info(row: RowMapping) -> TokenInfo:
    revoked = row["revoked_ms"]
    return TokenInfo(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        workspace_id=row["workspace_id"],
        created_at=iso_ms(row["created_ms"]),
        revoked_at=None if revoked is None else iso_ms(revoked),
    )
