"""Invitations accepted, and passwords forgotten: what links in mails lead to."""

from crossdock.base.errors import Rejected
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.access.shown_once import hash_of
from crossdock.workspace.iam.invites import (
    Invitation,
    accept_invite,
    find_invitation,
)
from crossdock.workspace.mail.queue import queue_message
from crossdock.workspace.people.acting import Act, People
from crossdock.workspace.people.links import LINK_S, make_link
from crossdock.workspace.people.passwords import check_password, hash_password
from crossdock.workspace.people.persons import (
    checked_name,
    create_person,
    principal_of,
    row_of_email,
    row_of_id,
)
from crossdock.workspace.people.sessions import Opened
from crossdock.workspace.people.signing_in import Caller, sign_in_proven
from crossdock.workspace.people.throttling import (
    RESET_BY_ADDRESS,
    RESET_BY_EMAIL,
    take_attempts,
)
from crossdock.workspace.views import WorkspaceInfo


def invitation_of(act: Act, token: str) -> tuple[Invitation, bool]:
    """What a link invites to, and whether the one it is for has an account. Raises Rejected
    (404)."""
    found = find_invitation(act.connection, hash_of(token), act.now_ms)
    if found is None:
        raise Rejected("not_found", "this invitation was used, ended or never made", 404)
    return found, row_of_email(act.connection, found.email) is not None


def join(act: Act, token: str) -> WorkspaceInfo:
    """The act's actor accepts. Raises Rejected: 404, 403 where it is for somebody else."""
    return accept_invite(
        act.connection, hash_of(token), act.actor, now_ms=act.now_ms, secrets=act.secrets
    )


def join_as_new(people: People, *, token: str, name: str, password: str, caller: Caller) -> Opened:
    """Who had the link sent to them makes an account of it, and is signed in. Raises Rejected: 404,
    422, 409 where there is an account: it must be signed in to."""
    found, _ = people.read(lambda act: invitation_of(act, token))
    name = checked_name(name)
    check_password(password, name, found.email)
    hashed = hash_password(password)

    def work(act: Act) -> Opened:
        made = create_person(act, email=found.email, name=name, password_hash=hashed)
        join(as_person(act, made.id), token)
        act.audit("User Created", made.id, None, made)
        return sign_in_proven(act, made.id, caller)

    return people.act(work)


def as_person(act: Act, person_id: str) -> Act:
    """The same act, done by this person."""
    return Act(act.connection, person(act, person_id), act.now_ms, act.secrets)


def person(act: Act, person_id: str) -> Principal:
    return principal_of(row_of_id(act.connection, person_id))


def ask_for_reset(people: People, *, email: str, app_url: str, caller: Caller) -> None:
    """Mails a password link to somebody who is known here; the one who asks is not told. Raises
    Busy (429)."""
    email = email.strip().lower()[:300]
    subjects = ((RESET_BY_EMAIL, email), (RESET_BY_ADDRESS, caller.address))
    people.act(lambda act: take_attempts(act.connection, act.now_ms, *subjects))

    def work(act: Act) -> None:
        row = row_of_email(act.connection, email)
        if row is None:
            return
        link = f"{app_url}/password/{make_link(act, 'password', row['id'])}"
        hours = LINK_S["password"] // 3600
        queue_message(
            act.connection,
            workspace_id=None,
            kind="password",
            recipient=row["email"],
            subject="A new password for Crossdock",
            text=f"Hello {row['name']},\n\nsomebody, you we hope, asked for a new password. This "
            f"link sets one, once and within {hours} hours:\n\n{link}\n\nIf it was not you, "
            "nothing has changed: leave the link alone.\n",
            now_ms=act.now_ms,
            secrets=act.secrets,
        )

    people.act(work)
