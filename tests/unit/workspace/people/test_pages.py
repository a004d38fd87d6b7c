"""The pages: headers, forms that only they may send, links, invitations, mails."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select
from tests.unit.workspace.api_kit import ApiKit, api_kit
from tests.unit.workspace.people.kit import PASSWORD

from crossdock.state.tables import attempts, members, messages, people, sessions
from crossdock.workspace.access.principals import CLI
from crossdock.workspace.iam.invites import InviteInput, create_invites
from crossdock.workspace.pages.drawing import HOME, own_path
from crossdock.workspace.people.acting import People
from crossdock.workspace.people.links import make_owner_link
from crossdock.workspace.people.passwords import hash_password
from crossdock.workspace.people.persons import create_person
from crossdock.workspace.people.throttling import RESET_BY_EMAIL

LOCAL = "http://localhost:8090"
ADA = "ada@example.com"


@pytest.fixture(scope="module")
def one_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiKit]:
    folder = tmp_path_factory.mktemp("app")
    with api_kit(folder, smtp_host="mail.example.com", smtp_from="x@example.com") as kit:
        yield kit


@pytest.fixture
def app(one_app: ApiKit) -> ApiKit:
    """The module's one application, with nobody but Ada in it."""
    one_app.client.cookies.clear()
    with one_app.control.database.engine.begin() as connection:
        for table in (people, sessions, attempts, members, messages):
            connection.execute(delete(table))
    make(one_app, ADA)
    return one_app


def make(app: ApiKit, email: str) -> None:
    hashed = hash_password(PASSWORD)
    People(app.control).act(
        lambda act: create_person(act, email=email, name="Ada", password_hash=hashed), CLI
    )


def look(app: ApiKit, path: str, **headers: str) -> httpx.Response:
    return app.client.get(LOCAL + path, headers=headers, follow_redirects=False)


def send(app: ApiKit, path: str, origin: str | None = LOCAL, **fields: str) -> httpx.Response:
    headers = {} if origin is None else {"Origin": origin}
    return app.client.post(LOCAL + path, data=fields, headers=headers, follow_redirects=False)


def enter(app: ApiKit, email: str = ADA) -> str:
    """The CSRF token of one's forms."""
    answer = send(app, "/sign-in", email=email, password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, HOME)
    found = re.search(r'name="csrf" value="(\w+)"', look(app, "/account").text)
    assert found is not None
    return found[1]


def invite(app: ApiKit, email: str) -> str:
    (made,), _ = app.control.change(lambda c: create_invites(c, [InviteInput(email=email)], LOCAL))
    assert made.link is not None
    return made.link.removeprefix(LOCAL)


def test_a_page_loads_nothing_and_stands_in_no_frame(app: ApiKit) -> None:
    answer = look(app, "/sign-in")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "<script" not in answer.text
    assert " style=" not in answer.text


def test_what_people_typed_is_shown_as_text(app: ApiKit) -> None:
    answer = send(app, "/sign-in", email='"><b>x@y.z', password="no")
    assert answer.status_code == 401
    assert "<b>" not in answer.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_a_form_of_another_site_or_of_nowhere_is_refused(app: ApiKit, origin: str | None) -> None:
    answer = send(app, "/sign-in", origin, email=ADA, password=PASSWORD)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_forms_of_the_account_need_the_sessions_token(app: ApiKit) -> None:
    csrf = enter(app)
    for given in ({}, {"csrf": "0" * 64}):
        assert send(app, "/account/name", name="Eve", **given).status_code == 403
    assert "Eve" not in look(app, "/account").text
    assert send(app, "/account/name", name="Ada L.", csrf=csrf).status_code == 303
    assert "Ada L." in look(app, "/account").text


def test_the_account_asks_a_stranger_to_sign_in_first(app: ApiKit) -> None:
    assert look(app, "/account").headers["location"] == "/sign-in?next=/account"
    assert send(app, "/account/name", name="Eve").status_code == 401


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/invite/abc", "/invite/abc"),
        ("//evil.example", HOME),
        ("https://evil.example", HOME),
        ("/\\evil.example", HOME),
        ("/a\r\nSet-Cookie: x=y", HOME),
        ("", HOME),
        ("/" + "x" * 600, HOME),
    ],
)
def test_after_sign_in_one_stays_on_this_site(wanted: str, path: str) -> None:
    assert own_path(wanted) == path


def test_too_many_attempts_are_said_on_the_page_with_429(app: ApiKit) -> None:
    for _ in range(10):
        assert send(app, "/sign-in", email=ADA, password="no").status_code == 401
    answer = send(app, "/sign-in", email=ADA, password=PASSWORD)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "oo many attempts" in answer.text


def test_plain_http_from_another_host_gets_no_form(app: ApiKit) -> None:
    token = People(app.control).act(make_owner_link, CLI)
    for path in ("/sign-in", f"/owner/{token}"):
        answer = look(app, path, Host="crossdock.example.com")
        assert answer.status_code == 403
        assert "plain http" in answer.text
        assert "<form" not in answer.text


def test_a_link_that_opens_nothing_is_said_with_404(app: ApiKit) -> None:
    for path in ("/owner/x", "/password/x", "/invite/x"):
        assert look(app, path).status_code == 404
        assert send(app, path, password=PASSWORD, name="x", email="x@y.z").status_code == 404


def test_somebody_new_joins_by_an_invitation_and_is_in(app: ApiKit) -> None:
    path = invite(app, "eve@example.com")
    assert "eve@example.com" in look(app, path).text
    weak = send(app, path, name="Eve", password="password12")
    assert (weak.status_code, "easily guessed" in weak.text) == (422, True)
    assert send(app, path, name="Eve", password=PASSWORD).status_code == 303
    assert "Default" in look(app, "/account").text
    assert look(app, path).status_code == 404


def test_somebody_known_signs_in_to_join(app: ApiKit) -> None:
    path = invite(app, ADA)
    page = look(app, path).text
    assert f"/sign-in?next={path}" in page
    taken = send(app, path, name="Eve", password=PASSWORD)
    assert taken.status_code == 409
    csrf = enter(app)
    assert "Join" in look(app, path).text
    assert send(app, path).status_code == 403
    assert send(app, path, csrf=csrf).status_code == 303
    assert "Default" in look(app, "/account").text


def test_an_invitation_is_only_for_whom_it_was_made(app: ApiKit) -> None:
    path = invite(app, "eve@example.com")
    csrf = enter(app)
    assert "Sign out first" in look(app, path).text
    assert send(app, path, csrf=csrf).status_code == 403
    assert look(app, path).status_code == 200


def mails(app: ApiKit) -> list[Any]:
    with app.control.database.engine.begin() as connection:
        return list(connection.execute(select(messages)).mappings())


def test_a_forgotten_password_is_reset_by_mail_and_nobody_learns_who_is_known(app: ApiKit) -> None:
    known, unknown = (send(app, "/forgot", email=e) for e in (ADA, "eve@example.com"))
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    (mail,) = mails(app)
    assert (mail["recipient"], mail["workspace_id"]) == (ADA, None)
    text = app.control.secrets.open(mail["body"])
    found = re.search(r"http://\S+(/password/\S+)", text)
    assert found is not None
    assert ADA in look(app, found[1]).text
    assert send(app, found[1], password="velvet otter 92").status_code == 200
    assert send(app, "/sign-in", email=ADA, password=PASSWORD).status_code == 401
    assert send(app, "/sign-in", email=ADA, password="velvet otter 92").status_code == 303


def test_nobody_is_flooded_with_mails(app: ApiKit) -> None:
    for _ in range(RESET_BY_EMAIL.attempts_max):
        assert send(app, "/forgot", email=ADA).status_code == 200
    assert send(app, "/forgot", email=ADA).status_code == 429
    assert len(mails(app)) == RESET_BY_EMAIL.attempts_max


def test_without_a_mail_server_the_page_says_who_makes_the_link(tmp_path: Path) -> None:
    with api_kit(tmp_path) as kit:
        make(kit, ADA)
        assert "crossdock owner password-link" in look(kit, "/forgot").text
        send(kit, "/forgot", email=ADA)
        assert mails(kit) == []
