"""Persons: a name, an e-mail address in lower case, perhaps a password."""

from typing import ClassVar, Final

from sqlalchemy import Connection, RowMapping, insert, select, update

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Rejected
from crossdock.base.ids import new_id
from crossdock.state.tables import people
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.iam.emails import email_of
from crossdock.workspace.people.acting import Act
from crossdock.workspace.views import View

NAME_CHARS_MAX: Final = 200


class PersonInfo(View, frozen=True):
    """`is_owner`: of the installation, and so of every workspace."""

    resource_type: ClassVar[str] = "USER"
    id: str
    email: str
    name: str
    is_owner: bool
    has_password: bool
    has_totp: bool
    created_at: str
    seen_at: str | None = None


def checked_name(name: str) -> str:
    """Raises Rejected (422)."""
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= NAME_CHARS_MAX or not trimmed.isprintable():
        expected = f"expected 1 to {NAME_CHARS_MAX} that can be shown"
        raise Rejected("validation", f"name has {len(name)} characters: {expected}", 422, "name")
    return trimmed


def create_person(
    act: Act, *, email: str, name: str, password_hash: str | None, is_owner: bool = False
) -> PersonInfo:
    """Raises Rejected: 422 malformed, 409 known already."""
    email, name = email_of(email), checked_name(name)
    if row_of_email(act.connection, email) is not None:
        raise Rejected("conflict", f"there is somebody with the address {email}", 409, "email")
    person_id = new_id("per")
    act.connection.execute(
        insert(people).values(
            id=person_id,
            email=email,
            name=name,
            is_owner=is_owner,
            password_hash=password_hash,
            created_ms=act.now_ms,
        )
    )
    return find_person(act.connection, person_id)


def list_people(act: Act) -> list[PersonInfo]:
    """Everybody of the installation, by address. For its owners."""
    act.require_owner()
    rows = act.connection.execute(select(people).order_by(people.c.email)).mappings()
    return [info_of(row) for row in rows]


def rename_person(act: Act, person_id: str, name: str) -> PersonInfo:
    before = find_person(act.connection, person_id)
    change_row(act.connection, person_id, name=checked_name(name))
    after = find_person(act.connection, person_id)
    act.audit("User Modified", person_id, before, after)
    return after


def find_person(connection: Connection, person_id: str) -> PersonInfo:
    return info_of(row_of_id(connection, person_id))


def row_of_id(connection: Connection, person_id: str) -> RowMapping:
    """Raises Rejected (404)."""
    query = select(people).where(people.c.id == person_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise Rejected("not_found", f"there is nobody with the id {person_id!r}", 404)
    return row


def row_of_email(connection: Connection, email: str) -> RowMapping | None:
    query = select(people).where(people.c.email == email.strip().lower())
    return connection.execute(query).mappings().first()


def change_row(connection: Connection, person_id: str, **values: object) -> None:
    connection.execute(update(people).where(people.c.id == person_id).values(**values))


def principal_of(row: RowMapping) -> Principal:
    return Principal(
        kind="person",
        id=row["id"],
        name=row["name"],
        email=row["email"],
        is_owner=row["is_owner"],
    )


def info_of(row: RowMapping) -> PersonInfo:
    seen = row["seen_ms"]
    return PersonInfo(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        is_owner=row["is_owner"],
        has_password=row["password_hash"] is not None,
        has_totp=row["totp_confirmed_ms"] is not None,
        created_at=iso_ms(row["created_ms"]),
        seen_at=None if seen is None else iso_ms(seen),
    )
