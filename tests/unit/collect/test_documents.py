"""What SDKs fetch first: settings, analytics.js, RudderStack's source configuration."""

import gzip
from pathlib import Path

import pytest
from tests.unit.collect.kit import CLIENT_KEY, FRONTS, http, run, serving

from crossdock.base.snapshot import Snapshot
from crossdock.collect.analyticsjs import AnalyticsJs

pytestmark = pytest.mark.parametrize("front", FRONTS)

SETTINGS = f"/v1/projects/{CLIENT_KEY}/settings"
LIBRARY = f"/analytics.js/v1/{CLIENT_KEY}/analytics.min.js"
SCRIPT = (
    'key("__WRITE_KEY__");a="https://cdn.segment.com/x";'
    'b="https://cdn.segment.com";c="api.segment.io/v1"'
)


def get(path: str, headers: dict[str, str] | None = None) -> bytes:
    return http(path, method="GET", key=None, headers=headers)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation with a small library of our own making."""
    (tmp_path / "standalone.js").write_text(SCRIPT)
    (tmp_path / "tsub.bundle.0a1b.js").write_text("chunk()")
    (tmp_path / "LICENSES.txt").write_text("MIT")
    original = AnalyticsJs.__init__
    monkeypatch.setattr(AnalyticsJs, "__init__", lambda self: original(self, tmp_path))


def test_settings_name_the_host_that_was_asked(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            for host, api_host in (
                ("a.example:8080", "a.example:8080/v1"),
                ("[::1]:8080", "[::1]:8080/v1"),
                ('x"},"y', "localhost/v1"),
            ):
                reply = await service.ask(get(SETTINGS, {"Host": host}))
                segment = reply.json["integrations"]["Segment.io"]
                assert (segment["apiHost"], segment["protocol"]) == (api_host, "http")

    run(body())


def test_tracking_url_beats_the_host_and_proxies_are_believed_only_if_trusted(front: str) -> None:
    async def body() -> None:
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cdp.example.org"}
        for settings, expected in (
            ({"tracking_url": "https://t.example/in/"}, ("t.example/in/v1", "https")),
            ({"trusted_proxies": ("127.0.0.1",)}, ("cdp.example.org/v1", "https")),
            ({}, ("cdp.example.com/v1", "http")),
        ):
            async with serving(front, **settings) as service:
                reply = await service.ask(get(SETTINGS, forwarded))
                segment = reply.json["integrations"]["Segment.io"]
                assert (segment["apiHost"], segment["protocol"]) == expected

    run(body())


def test_settings_are_cached_by_etag(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            first = await service.ask(get(SETTINGS))
            assert "max-age" in first.headers["cache-control"]
            etag = first.headers["etag"]
            for given in (etag, f"W/{etag}", f'"x", {etag}', "*"):
                again = await service.ask(get(SETTINGS, {"If-None-Match": given}))
                assert (again.status, again.body) == (304, b"")
            other = await service.ask(get(SETTINGS, {"If-None-Match": '"old"'}))
            assert other.status == 200
            head = await service.ask(http(SETTINGS, method="HEAD", key=None), to_head=True)
            assert int(head.headers["content-length"]) == len(first.body)

    run(body())


def test_settings_are_served_to_everybody_before_the_first_snapshot(front: str) -> None:
    async def body() -> None:
        async with serving(front, known=Snapshot()) as service:
            assert (await service.ask(get(SETTINGS))).status == 200

    run(body())


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    "path",
    [
        LIBRARY,
        LIBRARY.replace(".min.js", ".js"),
        LIBRARY.replace("/analytics.min", "/platform/analytics.min"),
        LIBRARY + "?x=1",
    ],
)
def test_the_library_is_ours_in_three_places(front: str, path: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            reply = await service.ask(get(path))
            assert reply.status == 200
            text = reply.body.decode()
            assert f'key("{CLIENT_KEY}")' in text
            assert 'a="http://cdp.example.com/x";b="http://cdp.example.com"' in text
            assert 'c="cdp.example.com/v1"' in text
            assert "MIT" in text
            assert reply.headers["access-control-allow-origin"] == "*"
            packed = await service.ask(get(path, {"Accept-Encoding": "gzip, br"}))
            assert packed.headers["content-encoding"] == "gzip"
            assert gzip.decompress(packed.body) == reply.body
            known = await service.ask(get(path, {"If-None-Match": reply.headers["etag"]}))
            assert known.status == 304

    run(body())


@pytest.mark.usefixtures("built")
def test_chunks_are_served_for_ever_and_nothing_else_of_the_folder(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            reply = await service.ask(get("/analytics-next/bundles/tsub.bundle.0a1b.js"))
            assert (reply.status, reply.body) == (200, b"chunk()")
            assert "immutable" in reply.headers["cache-control"]
            for name in ("standalone.js", "LICENSES.txt", "nothing.js", "..", "%2e%2e"):
                gone = await service.ask(get(f"/analytics-next/bundles/{name}"))
                assert gone.status == 404

    run(body())


def test_an_installation_without_the_library_says_so(
    front: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    original = AnalyticsJs.__init__
    monkeypatch.setattr(AnalyticsJs, "__init__", lambda self: original(self, tmp_path / "none"))

    async def body() -> None:
        async with serving(front) as service:
            reply = await service.ask(get(LIBRARY))
            assert (reply.status, reply.code) == (404, "not_found")
            assert "not built" in reply.json["message"]

    run(body())


def test_source_config_has_the_shape_that_mobile_sdks_demand(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            for request in (
                http("/sourceConfig/?p=npm&v=3.34.1&build=modern", method="GET", key=CLIENT_KEY),
                get(f"/sourceConfig?writeKey={CLIENT_KEY}"),
            ):
                reply = await service.ask(request)
                assert reply.status == 200
                source = reply.json["source"]
                assert (source["id"], source["writeKey"]) == ("src_web", CLIENT_KEY)
                assert source["enabled"] is True
                assert (source["config"]["statsCollection"], source["destinations"]) == (
                    {"errors": {"enabled": False}, "metrics": {"enabled": False}},
                    [],
                )
                for name in ("name", "workspaceId", "updatedAt"):
                    assert isinstance(source[name], str)

    run(body())
