"""Signing in over the API: cookies, CSRF, and what another site or plain http cannot do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import delete
from tests.unit.workspace.api_kit import ApiKit, api_kit

from crossdock.state.tables import attempts, one_time_links, people, recovery_codes, sessions
from crossdock.workspace.access.principals import CLI
from crossdock.workspace.people import passwords
from crossdock.workspace.people.acting import People
from crossdock.workspace.people.passwords import hash_password
from crossdock.workspace.people.persons import PersonInfo, create_person

ADA, PASSWORD = "ada@example.com", "correct horse battery"
LOCAL = "http://localhost:8090"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(1, 1024, 1))
    passwords._nobodys_hash.cache_clear()


@pytest.fixture(scope="module")
def one_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiKit]:
    with api_kit(tmp_path_factory.mktemp("app")) as kit:
        yield kit


@pytest.fixture
def api(one_app: ApiKit) -> ApiKit:
    """The module's one application, with nobody but Ada in it."""
    one_app.client.cookies.clear()
    with one_app.control.database.engine.begin() as connection:
        for table in (people, sessions, attempts, one_time_links, recovery_codes):
            connection.execute(delete(table))
    person(one_app, is_owner=True)
    return one_app


def person(kit: ApiKit, email: str = ADA, *, is_owner: bool = False) -> PersonInfo:
    return People(kit.control).act(
        lambda act: create_person(
            act, email=email, name="Ada", password_hash=hash_password(PASSWORD), is_owner=is_owner
        ),
        CLI,
    )


def send(
    kit: ApiKit, method: str, path: str, body: Any = None, *, url: str = LOCAL, **headers: str
) -> httpx.Response:
    """As a browser does: `Some_Header` becomes `Some-Header`; the client keeps cookies."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return kit.client.request(method, f"{url}/api{path}", json=body, headers=named)


def enter(kit: ApiKit, email: str = ADA, *, url: str = LOCAL, **headers: str) -> httpx.Response:
    return send(kit, "POST", "/session", {"email": email, "password": PASSWORD}, url=url, **headers)


def behind_a_proxy(kit: ApiKit) -> None:
    """Requests come from 127.0.0.1 from now on."""
    inner: Any = kit.client.app

    async def app(scope: Any, receive: Any, send_: Any) -> None:
        await inner(scope | {"client": ("127.0.0.1", 5000)}, receive, send_)

    kit.client.app = app  # type: ignore[assignment]


def csrf(kit: ApiKit, email: str = ADA) -> str:
    answer = enter(kit, email)
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["data"]["session"]["csrfToken"])


def test_signing_in_tells_who_one_is_and_what_one_may_do(api: ApiKit) -> None:
    session = enter(api).json()["data"]["session"]
    assert session["kind"] == "person"
    assert (session["person"]["email"], session["person"]["isOwner"]) == (ADA, True)
    (workspace,) = session["workspaces"]
    assert workspace["slug"] == "default"
    assert workspace["levels"] == {"WORKSPACE": "ADMIN", "SOURCE": "ADMIN", "WAREHOUSE": "ADMIN"}
    again = send(api, "GET", "/session").json()["data"]["session"]
    assert again == session


def test_a_token_may_ask_who_it_is_and_has_no_account(api: ApiKit) -> None:
    session = api.ok("GET", "/session")["session"]
    assert (session["kind"], session["person"], session["csrfToken"]) == ("token", None, None)
    assert session["workspaces"][0]["isOwner"]
    assert api.refused("GET", "/sessions")[:2] == (403, "forbidden")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(api: ApiKit) -> None:
    cookie = enter(api).headers["set-cookie"].lower()
    assert cookie.startswith("crossdock=")
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "secure" not in cookie
    assert "domain" not in cookie


def test_over_https_the_cookie_is_secure_and_bound_to_this_host(tmp_path: Path) -> None:
    with api_kit(
        tmp_path, app_url="https://app.example.com", trusted_proxies=("127.0.0.1",)
    ) as kit:
        person(kit)
        behind_a_proxy(kit)
        url = "http://app.example.com"
        answer = enter(kit, url=url, X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.9")
        assert answer.status_code == 201, answer.json()
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-crossdock=")
        assert "Secure" in cookie
        secret = cookie.split(";")[0].partition("=")[2]
        for name, status in (("__Host-crossdock", 200), ("crossdock", 401)):
            kit.client.cookies.clear()
            got = send(
                kit,
                "GET",
                "/sessions",
                url=url,
                X_Forwarded_Proto="https",
                Cookie=f"{name}={secret}",
            )
            assert got.status_code == status
            if status == 200:
                assert got.json()["data"]["sessions"][0]["address"] == "203.0.113.9"


def test_a_session_reads_without_and_changes_with_its_csrf_token(api: ApiKit) -> None:
    token = csrf(api)
    label = {"label": {"key": "team", "value": "growth"}}
    assert send(api, "GET", "/labels").status_code == 200
    for wrong in ({}, {"X_CSRF_Token": "0" * 64}):
        assert send(api, "POST", "/labels", label, **wrong).status_code == 403, wrong
    assert send(api, "POST", "/labels", label, X_CSRF_Token=token).status_code == 201


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost:9999"},
    ],
)
def test_another_sites_page_changes_nothing_and_signs_nobody_in(
    api: ApiKit, foreign: dict[str, str]
) -> None:
    assert enter(api, **foreign).status_code == 403
    token = csrf(api)
    refused = send(api, "DELETE", "/session", X_CSRF_Token=token, **foreign)
    assert refused.status_code == 403
    assert send(api, "GET", "/session").status_code == 200


@pytest.mark.parametrize("own", [{"Origin": LOCAL}, {"Sec_Fetch_Site": "same-origin"}])
def test_our_own_page_may(api: ApiKit, own: dict[str, str]) -> None:
    assert enter(api, **own).status_code == 201


@pytest.mark.parametrize("host", ["crossdock.example.com", "10.0.0.5:8090", "localhost.evil.com"])
def test_plain_http_from_another_host_is_refused_with_the_reason(api: ApiKit, host: str) -> None:
    answer = enter(api, Host=host)
    assert answer.status_code == 403
    message = answer.json()["errors"][0]["message"]
    assert "plain http" in message
    assert "app_url" in message


@pytest.mark.parametrize("host", ["localhost:8090", "127.0.0.1:8090", "[::1]:8090"])
def test_plain_http_on_this_machine_is_taken(api: ApiKit, host: str) -> None:
    assert enter(api, Host=host).status_code == 201


def test_a_proxy_nobody_trusts_is_named_in_the_refusal(api: ApiKit) -> None:
    answer = enter(api, X_Forwarded_Proto="https")
    assert answer.status_code == 403
    assert "trusted_proxies" in answer.json()["errors"][0]["message"]


def test_too_many_attempts_are_answered_429_with_the_seconds_to_wait(api: ApiKit) -> None:
    body = {"email": ADA, "password": "not the right one"}
    statuses = [send(api, "POST", "/session", body).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    answer = enter(api)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900


def test_signing_out_ends_the_session_itself_not_only_the_cookie(api: ApiKit) -> None:
    token = csrf(api)
    secret = api.client.cookies["crossdock"]
    assert send(api, "DELETE", "/session", X_CSRF_Token=token).status_code == 200
    assert "crossdock" not in api.client.cookies
    answer = send(api, "GET", "/session", Cookie=f"crossdock={secret}")
    assert answer.status_code == 401


def test_one_sees_and_ends_ones_own_sessions(api: ApiKit) -> None:
    csrf(api)
    api.client.cookies.clear()
    token = csrf(api)
    listed = send(api, "GET", "/sessions").json()["data"]["sessions"]
    assert [s["isCurrent"] for s in listed].count(True) == 1
    other = next(s["id"] for s in listed if not s["isCurrent"])
    assert send(api, "DELETE", f"/sessions/{other}", X_CSRF_Token=token).status_code == 200
    assert send(api, "DELETE", f"/sessions/{other}", X_CSRF_Token=token).status_code == 404
    assert len(send(api, "GET", "/sessions").json()["data"]["sessions"]) == 1


def test_name_and_password_are_changed(api: ApiKit) -> None:
    token = csrf(api)
    renamed = send(api, "PATCH", "/person", {"name": "Ada L."}, X_CSRF_Token=token)
    assert renamed.json()["data"]["person"]["name"] == "Ada L."
    body = {"oldPassword": PASSWORD, "newPassword": "velvet otter 92"}
    weak = send(
        api, "PUT", "/person/password", body | {"newPassword": "password12"}, X_CSRF_Token=token
    )
    assert (weak.status_code, weak.json()["errors"][0]["field"]) == (422, "password")
    done = send(api, "PUT", "/person/password", body, X_CSRF_Token=token)
    assert done.status_code == 200, done.json()
    assert enter(api).status_code == 401


def test_a_second_factor_from_begin_to_end(api: ApiKit) -> None:
    token = csrf(api)
    setup = send(api, "POST", "/person/totp", X_CSRF_Token=token).json()["data"]["totp"]
    totp = pyotp.TOTP(setup["secret"])
    code = {"code": totp.at(api.clock.now_ms() // 1000)}
    done = send(api, "POST", "/person/totp/confirm", code, X_CSRF_Token=token)
    assert len(done.json()["data"]["recoveryCodes"]) == 10
    api.client.cookies.clear()
    needed = enter(api)
    assert (needed.status_code, needed.json()["errors"][0]["field"]) == (401, "code")
    api.clock.advance(30)
    body = {"email": ADA, "password": PASSWORD, "code": totp.at(api.clock.now_ms() // 1000)}
    assert send(api, "POST", "/session", body).status_code == 201


def test_a_stranger_sees_no_workspace(api: ApiKit) -> None:
    person(api, "eve@example.com")
    session = enter(api, "eve@example.com").json()["data"]["session"]
    assert session["workspaces"] == []
    assert send(api, "GET", "/labels").status_code == 404


def test_the_last_owner_stays_and_a_removed_persons_cookie_opens_nothing(api: ApiKit) -> None:
    eve = person(api, "eve@example.com")
    csrf(api, "eve@example.com")
    cookie = api.client.cookies["crossdock"]
    api.client.cookies.clear()
    token = csrf(api)
    me = send(api, "GET", "/session").json()["data"]["session"]["id"]
    assert send(api, "DELETE", f"/people/{me}", X_CSRF_Token=token).status_code == 409
    demoted = send(api, "PATCH", f"/people/{me}", {"isOwner": False}, X_CSRF_Token=token)
    assert demoted.status_code == 409
    gone = send(api, "DELETE", f"/people/{eve.id}", X_CSRF_Token=token)
    assert gone.json()["data"]["tokenNames"] == []
    api.client.cookies.clear()
    assert send(api, "GET", "/session", Cookie=f"crossdock={cookie}").status_code == 401


def test_a_tokens_owner_is_no_owner_of_the_installation(api: ApiKit) -> None:
    assert api.refused("GET", "/people")[:2] == (403, "forbidden")
    assert api.refused("POST", "/owner-links")[:2] == (403, "forbidden")
