"""Signing in and out, one's own account, and the people of the installation. Segment has none of
these in its API."""

import msgspec
from litestar import Response, delete, get, patch, post, put

from crossdock.base.errors import Rejected
from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Api, Body, InApi
from crossdock.workspace.api.visiting import SESSION, InVisitor
from crossdock.workspace.people.accounts import change_password
from crossdock.workspace.people.factors import (
    Setup,
    begin_totp,
    confirm_totp,
    disable_own_totp,
)
from crossdock.workspace.people.knowing import Known, know
from crossdock.workspace.people.persons import PersonInfo, rename_person
from crossdock.workspace.people.sessions import (
    SessionInfo,
    csrf_token,
    end_session,
    end_sessions,
    find_session,
    list_sessions,
)
from crossdock.workspace.people.signing_in import sign_in

TAGS = ["Crossdock"]


class SignIn(Body, frozen=True):
    """`code`: of the second factor, where one is in force."""

    email: str
    password: str
    code: str | None = None


class UpdatePerson(Body, frozen=True):
    name: str


class ChangePassword(Body, frozen=True):
    """`oldPassword` is not asked of somebody who has none yet."""

    new_password: str
    old_password: str = ""


class Code(Body, frozen=True):
    code: str


class KnownOutput(msgspec.Struct, frozen=True):
    session: Known


class SessionsOutput(msgspec.Struct, frozen=True):
    sessions: list[SessionInfo]


class PersonOutput(msgspec.Struct, frozen=True):
    person: PersonInfo


class SetupOutput(msgspec.Struct, frozen=True):
    totp: Setup


class CodesOutput(msgspec.Struct, frozen=True, rename="camel"):
    recovery_codes: list[str]


@post("/session", status_code=201, operation_id="signIn", tags=TAGS, summary="Sign in")
async def enter(visitor: InVisitor, data: SignIn) -> Response[Data[KnownOutput]]:
    """Opens a session and sets its cookie. Answers 401 with the field `code` where the password was
    right and a code of the second factor is needed; 429 after too many attempts; 403 over plain
    http from another machine. Audited as `User Signed In`. Needs no role."""
    visitor.require_safe_transport()
    visitor.require_own_page()
    people, caller = visitor.people, visitor.caller
    opened = await visitor.in_thread(
        lambda: sign_in(
            people, email=data.email, password=data.password, code=data.code, caller=caller
        )
    )

    def known() -> Known:
        found = people.read(lambda act: find_session(act.connection, opened.secret, act.now_ms))
        if found is None:
            raise Rejected("unauthorized", "the session ended meanwhile", 401)
        return people.read(lambda act: know(act, csrf_token(opened.secret)), found.person)

    answer = Data(KnownOutput(await visitor.in_thread(known)))
    return Response(answer, status_code=201, cookies=[visitor.cookie(opened)])


@get("/session", operation_id="getSession", tags=TAGS, summary="Get who I am")
async def who(api: InApi, visitor: InVisitor) -> Data[KnownOutput]:
    """The person or token that asks, its workspaces with roles and levels, and the CSRF token that
    changes need beside the cookie. Needs no role."""
    csrf = visitor.csrf if api.principal.kind == "person" else None
    people = visitor.people
    found = await visitor.in_thread(lambda: people.read(lambda act: know(act, csrf), api.principal))
    return Data(KnownOutput(found))


@delete("/session", status_code=200, operation_id="signOut", tags=TAGS, summary="Sign out")
async def leave(api: InApi, visitor: InVisitor) -> Response[Data[Status]]:
    """Ends this session and takes its cookie away. Needs no role."""
    person, session = _person(api)
    people = visitor.people
    await visitor.in_thread(
        lambda: people.act(lambda act: end_session(act, person, session), api.principal)
    )
    return Response(Data(Status()), status_code=200, cookies=[visitor.no_cookie()])


@get("/sessions", operation_id="listSessions", tags=TAGS, summary="List my sessions")
async def sessions(api: InApi, visitor: InVisitor) -> Data[SessionsOutput]:
    """One's own that are open, the newest first; 50 at most, so they come in one page. Needs no
    role."""
    person, session = _person(api)
    people = visitor.people
    found = await visitor.in_thread(
        lambda: people.read(lambda act: list_sessions(act, person, session))
    )
    return Data(SessionsOutput(found))


@delete(
    "/sessions/{session_id:str}",
    status_code=200,
    operation_id="endSession",
    tags=TAGS,
    summary="End one of my sessions",
)
async def end_one(api: InApi, visitor: InVisitor, session_id: str) -> Data[Status]:
    """It is refused from the next request on. Needs no role."""
    person, _ = _person(api)
    people = visitor.people
    await visitor.in_thread(
        lambda: people.act(lambda act: end_session(act, person, session_id), api.principal)
    )
    return Data(Status())


@delete(
    "/sessions",
    status_code=200,
    operation_id="endOtherSessions",
    tags=TAGS,
    summary="End my other sessions",
)
async def end_others(api: InApi, visitor: InVisitor) -> Data[Status]:
    """All of one's own but this one. Needs no role."""
    person, session = _person(api)
    people = visitor.people
    await visitor.in_thread(
        lambda: people.act(lambda act: end_sessions(act, person, but=session), api.principal)
    )
    return Data(Status())


@patch("/person", operation_id="updatePerson", tags=TAGS, summary="Change my name")
async def rename(api: InApi, visitor: InVisitor, data: UpdatePerson) -> Data[PersonOutput]:
    """Audited as `User Modified`. Needs no role."""
    person, _ = _person(api)
    people = visitor.people
    found = await visitor.in_thread(
        lambda: people.act(lambda act: rename_person(act, person, data.name), api.principal)
    )
    return Data(PersonOutput(found))


@put("/person/password", operation_id="changePassword", tags=TAGS, summary="Change my password")
async def repassword(api: InApi, visitor: InVisitor, data: ChangePassword) -> Data[PersonOutput]:
    """Ends one's other sessions. Audited as `User Password Changed`. Needs no role."""
    _, session = _person(api)
    visitor.require_safe_transport()
    people = visitor.people
    found = await visitor.in_thread(
        lambda: change_password(
            people,
            api.principal,
            old=data.old_password,
            new=data.new_password,
            session=session,
        )
    )
    return Data(PersonOutput(found))


@post(
    "/person/totp",
    status_code=201,
    operation_id="beginTotp",
    tags=TAGS,
    summary="Begin a second factor",
)
async def begin(api: InApi, visitor: InVisitor) -> Data[SetupOutput]:
    """A secret for an authenticator app, also as a QR code (SVG). In force once confirmed. Needs no
    role."""
    person, _ = _person(api)
    people = visitor.people
    made = await visitor.in_thread(
        lambda: people.act(lambda act: begin_totp(act, person), api.principal)
    )
    return Data(SetupOutput(made))


@post(
    "/person/totp/confirm",
    status_code=200,
    operation_id="confirmTotp",
    tags=TAGS,
    summary="Confirm a second factor",
)
async def confirm(api: InApi, visitor: InVisitor, data: Code) -> Data[CodesOutput]:
    """Puts it in force; answers ten recovery codes, each good once and shown this once. Audited as
    `Second Factor Enabled`. Needs no role."""
    person, _ = _person(api)
    people = visitor.people
    codes = await visitor.in_thread(
        lambda: people.act(lambda act: confirm_totp(act, person, data.code), api.principal)
    )
    return Data(CodesOutput(codes))


@post(
    "/person/totp/disable",
    status_code=200,
    operation_id="disableTotp",
    tags=TAGS,
    summary="Disable my second factor",
)
async def disable(api: InApi, visitor: InVisitor, data: Code) -> Data[Status]:
    """Asks for one more code. Audited as `Second Factor Disabled`. Needs no role."""
    _person(api)
    people = visitor.people
    await visitor.in_thread(lambda: disable_own_totp(people, api.principal, data.code))
    return Data(Status())


def _person(api: Api) -> tuple[str, str]:
    """Ids of the person and the session. Raises Rejected (403) for a token."""
    if api.principal.kind != "person":
        raise Rejected("forbidden", "this is for people: a token has no account", 403)
    return api.principal.id, api.request.scope["state"].get(SESSION) or ""


OPERATIONS = (
    enter,
    who,
    leave,
    sessions,
    end_one,
    end_others,
    rename,
    repassword,
    begin,
    confirm,
    disable,
)
