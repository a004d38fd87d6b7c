"""Signing in whom the identity provider names: somebody who is known here, or invited."""

from sqlalchemy import RowMapping, select

from crossdock.base.errors import Rejected
from crossdock.state.tables import invites, people
from crossdock.workspace.iam.invites import accept_invite
from crossdock.workspace.people.acting import Act, People
from crossdock.workspace.people.joining import person
from crossdock.workspace.people.oidc import Identity
from crossdock.workspace.people.persons import (
    NAME_CHARS_MAX,
    change_row,
    create_person,
    row_of_email,
)
from crossdock.workspace.people.sessions import Opened
from crossdock.workspace.people.signing_in import Caller, sign_in_proven

INVITES_MAX = 100
"""Accepted at once by somebody who comes for the first time."""


def sign_in_provided(people_: People, identity: Identity, caller: Caller) -> Opened:
    """By issuer and subject, else by the verified address. A second factor is the provider's to ask
    for. Raises Rejected (403) for a stranger."""

    def work(act: Act) -> Opened:
        row = _row_of_subject(act, identity) or _row_of_address(act, identity)
        person_id = _invited(act, identity) if row is None else str(row["id"])
        return sign_in_proven(act, person_id, caller)

    return people_.act(work)


def _row_of_subject(act: Act, identity: Identity) -> RowMapping | None:
    mine = (people.c.oidc_issuer == identity.issuer) & (people.c.oidc_subject == identity.subject)
    return act.connection.execute(select(people).where(mine)).mappings().first()


def _row_of_address(act: Act, identity: Identity) -> RowMapping | None:
    """Who has this address is this subject from now on."""
    if not identity.email:
        raise Rejected(
            "forbidden",
            "the identity provider names no e-mail address that it has verified, and nobody here "
            "signed in as this subject before",
            403,
        )
    row = row_of_email(act.connection, identity.email)
    if row is None:
        return None
    if row["oidc_subject"] is not None and row["oidc_issuer"] == identity.issuer:
        raise Rejected(
            "forbidden", f"{identity.email} belongs to another subject of the provider", 403
        )
    _bind(act, row["id"], identity)
    return row


def _invited(act: Act, identity: Identity) -> str:
    """A new person, in each workspace that invited the address."""
    open_ones = act.connection.execute(
        select(invites.c.hash)
        .where(
            invites.c.email == identity.email,
            invites.c.accepted_ms.is_(None),
            invites.c.revoked_ms.is_(None),
            invites.c.expires_ms > act.now_ms,
        )
        .order_by(invites.c.created_ms, invites.c.id)
        .limit(INVITES_MAX)
    )
    hashes = list(open_ones.scalars())
    if not hashes:
        raise Rejected(
            "forbidden", f"nobody here has the address {identity.email}: ask for an invitation", 403
        )
    name = "".join(c if c.isprintable() else " " for c in identity.name).strip()[:NAME_CHARS_MAX]
    made = create_person(act, email=identity.email, name=name or identity.email, password_hash=None)
    _bind(act, made.id, identity)
    me = person(act, made.id)
    for one in hashes:
        accept_invite(act.connection, one, me, now_ms=act.now_ms, secrets=act.secrets)
    act.audit("User Created", made.id, None, made)
    return made.id


def _bind(act: Act, person_id: str, identity: Identity) -> None:
    change_row(
        act.connection, person_id, oidc_issuer=identity.issuer, oidc_subject=identity.subject
    )
