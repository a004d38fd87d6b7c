"""Sign-in with a real OpenID Connect provider on loopback: who gets in, and which tokens do not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select
from tests.kit.oidc import CLIENT_ID, CLIENT_SECRET, OidcProvider
from tests.unit.workspace.api_kit import ApiKit, api_kit
from tests.unit.workspace.people.kit import PASSWORD

from crossdock.base.errors import Misconfigured
from crossdock.base.settings import load_settings
from crossdock.state.tables import invites, members, people, sessions
from crossdock.workspace.access.principals import CLI
from crossdock.workspace.iam.invites import InviteInput, create_invites
from crossdock.workspace.people.acting import People
from crossdock.workspace.people.passwords import hash_password
from crossdock.workspace.people.persons import create_person

LOCAL = "http://127.0.0.1:8090"
ADA = "ada@example.com"
CLAIMS = {"sub": "s-1", "email": ADA, "email_verified": True, "name": "Ada"}


@pytest.fixture(scope="module")
def one_provider() -> Iterator[OidcProvider]:
    with OidcProvider() as running:
        yield running


@pytest.fixture(scope="module")
def one_app(
    one_provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiKit]:
    with api_kit(tmp_path_factory.mktemp("app"), **told(one_provider)) as kit:
        one_provider.now_s = lambda: kit.clock.now_ms() / 1000
        yield kit


@pytest.fixture
def provider(one_provider: OidcProvider) -> OidcProvider:
    """The module's one, which says of everybody that they are Ada."""
    one_provider.claims, one_provider.changes = dict(CLAIMS), {}
    one_provider.asked.clear()
    return one_provider


@pytest.fixture
def app(one_app: ApiKit, provider: OidcProvider) -> ApiKit:
    """The module's one, with nobody in it."""
    one_app.client.cookies.clear()
    with one_app.control.database.engine.begin() as connection:
        for table in (people, sessions, members, invites):
            connection.execute(delete(table))
    return one_app


def told(provider: OidcProvider) -> dict[str, Any]:
    return {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_label": "Sign in with Example",
        "allowed_addresses": ("127.0.0.1",),
    }


def make(app: ApiKit, email: str) -> None:
    hashed = hash_password(PASSWORD)
    People(app.control).act(
        lambda act: create_person(act, email=email, name="Ada", password_hash=hashed), CLI
    )


def look(app: ApiKit, url: str) -> httpx.Response:
    return app.client.get(url, follow_redirects=False)


def to_provider(app: ApiKit, after: str = "") -> str:
    """As far as the way back: the URL of the callback."""
    out = look(app, f"{LOCAL}/sign-in/oidc?next={after}")
    assert out.status_code == 303, out.text
    back = httpx.get(out.headers["location"], trust_env=False).headers["location"]
    assert back.startswith(f"{LOCAL}/sign-in/oidc/callback?")
    return str(back)


def enter(app: ApiKit, after: str = "") -> httpx.Response:
    return look(app, to_provider(app, after))


def in_as(app: ApiKit) -> str | None:
    answer = app.client.get(f"{LOCAL}/api/session")
    if answer.status_code == 401:
        return None
    return str(answer.json()["data"]["session"]["person"]["email"])


def test_somebody_known_by_a_verified_address_gets_in(app: ApiKit) -> None:
    make(app, ADA)
    assert "Sign in with Example" in look(app, f"{LOCAL}/sign-in").text
    answer = enter(app, "/invite/abc")
    assert (answer.status_code, answer.headers["location"]) == (303, "/invite/abc")
    assert in_as(app) == ADA


def test_the_subject_counts_from_then_on_whatever_the_address(
    app: ApiKit, provider: OidcProvider
) -> None:
    make(app, ADA)
    make(app, "eve@example.com")
    enter(app)
    app.client.cookies.clear()
    provider.claims |= {"email": "eve@example.com"}
    enter(app)
    assert in_as(app) == ADA
    app.client.cookies.clear()
    provider.claims |= {"sub": "s-2", "email": ADA}
    assert enter(app).status_code == 403
    assert in_as(app) is None


@pytest.mark.parametrize("claim", [{"email_verified": False}, {"email_verified": None}])
def test_an_address_that_is_not_verified_opens_no_account(
    app: ApiKit, provider: OidcProvider, claim: dict[str, object]
) -> None:
    make(app, ADA)
    provider.changes = claim
    assert enter(app).status_code == 403
    assert in_as(app) is None


def test_nobody_is_made_who_is_not_invited(app: ApiKit) -> None:
    assert enter(app).status_code == 403
    with app.control.database.engine.begin() as connection:
        assert connection.execute(select(people)).first() is None


def test_somebody_invited_is_made_and_joins(app: ApiKit) -> None:
    app.control.change(lambda c: create_invites(c, [InviteInput(email=ADA)], LOCAL))
    assert enter(app).status_code == 303
    session = app.client.get(f"{LOCAL}/api/session").json()["data"]["session"]
    assert (session["person"]["hasPassword"], len(session["workspaces"])) == (False, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["another", "crossdock"], "azp": "another"},
        {"iss": "https://another.example"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"sub": "x" * 256},
    ],
)
def test_a_token_that_was_not_made_for_this_is_refused(
    app: ApiKit, provider: OidcProvider, change: dict[str, object]
) -> None:
    make(app, ADA)
    provider.changes = change
    assert enter(app).status_code == 401
    assert in_as(app) is None


def test_a_token_of_a_key_that_is_not_published_is_refused(
    app: ApiKit, provider: OidcProvider
) -> None:
    make(app, ADA)
    published = provider.published
    provider.rotate()
    provider.published = published
    assert enter(app).status_code == 401


def test_a_new_key_is_asked_for(app: ApiKit, provider: OidcProvider) -> None:
    make(app, ADA)
    enter(app)
    app.client.cookies.clear()
    provider.asked.clear()
    provider.rotate()
    assert enter(app).status_code == 303
    assert provider.asked == ["/authorize", "/token", "/keys"]


def test_the_way_back_is_only_for_the_browser_that_went_out(app: ApiKit) -> None:
    make(app, ADA)
    back = to_provider(app)
    app.client.cookies.clear()
    assert look(app, back).status_code == 400
    to_provider(app)  # this browser has begun one of its own
    assert look(app, back).status_code == 400
    assert in_as(app) is None


def test_a_sign_in_takes_ten_minutes_at_most_and_its_code_is_used_once(app: ApiKit) -> None:
    make(app, ADA)
    back = to_provider(app)
    app.clock.advance(600)
    assert look(app, back).status_code == 400
    back = to_provider(app)
    flow = dict(app.client.cookies)
    assert look(app, back).status_code == 303
    app.client.cookies.update(flow)
    assert look(app, back).status_code == 401


def test_a_provider_on_a_private_address_needs_the_operators_word(
    tmp_path: Path, provider: OidcProvider
) -> None:
    with api_kit(tmp_path, oidc_issuer=provider.issuer, oidc_client_id=CLIENT_ID) as kit:
        answer = look(kit, f"{LOCAL}/sign-in/oidc")
    assert answer.status_code == 502
    assert "allowed_addresses" in answer.text
    assert provider.asked == []


def test_a_provider_that_calls_itself_otherwise_is_refused(tmp_path: Path) -> None:
    with OidcProvider() as provider:
        found = provider.discovery() | {"issuer": "https://another.example"}
        provider.discovery = lambda: found  # type: ignore[method-assign]
        with api_kit(tmp_path, **told(provider)) as kit:
            answer = look(kit, f"{LOCAL}/sign-in/oidc")
    assert answer.status_code == 502
    assert "https://another.example" in answer.text


def test_without_a_provider_there_is_no_such_page(tmp_path: Path) -> None:
    with api_kit(tmp_path) as kit:
        assert look(kit, f"{LOCAL}/sign-in/oidc").status_code == 404
        assert "/sign-in/oidc" not in look(kit, f"{LOCAL}/sign-in").text


def test_a_provider_needs_a_client_id() -> None:
    with pytest.raises(Misconfigured, match="oidc_client_id"):
        load_settings({"oidc_issuer": "https://id.example.com"}, {})
