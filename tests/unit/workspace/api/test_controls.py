"""Schema controls over the Public API, and what of them the data path is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workspace.api_kit import ApiKit, api_kit

from crossdock.base.snapshot import BlockView, Snapshot, decode_snapshot
from crossdock.workspace.routing import controls

HOOK = {"url": "https://example.com/hook"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path) as kit:
        kit.ok("POST", "/sources", {"slug": "shop", "metadataId": "javascript"})
        kit.ok("POST", "/sources", {"slug": "blog", "metadataId": "javascript"})
        yield kit


def hook(api: ApiKit, source: str = "shop") -> str:
    source_id = api.ok("GET", f"/sources/{source}")["source"]["id"]
    body = {"sourceId": source_id, "metadataId": "webhook", "settings": HOOK, "name": source}
    return str(api.ok("POST", "/destinations", body)["destination"]["id"])


def put(api: ApiKit, **body: Any) -> Any:
    return api.ok("PUT", "/sources/shop/schema-controls", body)["control"]


def listed(api: ApiKit) -> list[tuple[str, str, str | None]]:
    found = api.ok("GET", "/sources/shop/schema-controls")["controls"]
    return [(c["type"], c["name"], c["destinationId"]) for c in found]


def published(api: ApiKit) -> Snapshot:
    return decode_snapshot(api.control.folder.snapshot.read_bytes())


def blocks(api: ApiKit) -> tuple[BlockView, ...]:
    (source,) = [s for s in published(api).sources.values() if s.slug == "shop"]
    return source.blocks


def audited(api: ApiKit) -> list[str]:
    events = api.ok("GET", "/audit-events")["events"]
    return [e["type"] for e in events if e["type"].startswith("Schema Control")]


def test_what_is_switched_off_is_listed_published_and_audited(api: ApiKit) -> None:
    made = put(api, type="track", name="Paid")
    assert (made["type"], made["name"], made["destinationId"]) == ("track", "Paid", None)
    put(api, type="page")
    put(api, type="identify", name="email")
    assert listed(api) == [("identify", "email", None), ("page", "", None), ("track", "Paid", None)]
    assert set(blocks(api)) == {
        BlockView(kind="track", name="Paid"),
        BlockView(kind="page"),
        BlockView(kind="identify", name="email"),
    }
    assert audited(api) == ["Schema Control Created"] * 3


def test_what_is_off_at_one_destination_is_told_to_that_destination_alone(api: ApiKit) -> None:
    destination = hook(api)
    put(api, type="track", name="Paid", destinationId=destination)
    put(api, type="identify", destinationId=destination)
    assert blocks(api) == ()
    assert set(published(api).destinations[destination].blocks) == {
        BlockView(kind="track", name="Paid", destination=destination),
        BlockView(kind="identify", destination=destination),
    }


def test_switching_off_twice_is_switching_off_once(api: ApiKit) -> None:
    assert put(api, type="track", name="Paid") == put(api, type="track", name="Paid")
    assert len(listed(api)) == 1
    assert audited(api) == ["Schema Control Created"]


def test_what_is_allowed_again_is_gone_everywhere(api: ApiKit) -> None:
    path = "/sources/shop/schema-controls"
    put(api, type="track", name="Paid & more/?")
    put(api, type="page")
    assert api.refused("DELETE", path, type="track", name="Paid")[:2] == (404, "not-found")
    api.ok("DELETE", path, type="track", name="Paid & more/?")
    assert (listed(api), blocks(api)) == ([("page", "", None)], (BlockView(kind="page"),))
    assert api.refused("DELETE", path, type="track", name="Paid & more/?")[0] == 404
    assert sorted(audited(api)) == ["Schema Control Created"] * 2 + ["Schema Control Deleted"]


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"type": "alias"}, "type"),
    ({"type": "track"}, "name"),
    ({"type": "track", "name": "x" * 501}, "name"),
    ({"type": "track", "name": "a\0b"}, "name"),
    ({"type": "identify"}, "name"),
    ({"type": "page", "name": "Home"}, "name"),
    ({"type": "track", "name": "Paid", "destinationId": "dst_none"}, "destinationId"),
    ({"type": "track", "name": "Paid", "destinationId": "a\0"}, "destinationId"),
    ({"type": 7}, "type"),
]


def test_a_control_that_cannot_be_is_refused_naming_the_member(api: ApiKit) -> None:
    for body, field in IMPOSSIBLE:
        found = api.refused("PUT", "/sources/shop/schema-controls", body)
        assert found == (422, "validation-error", field), body
    assert listed(api) == []


def test_a_trait_is_omitted_everywhere_or_nowhere(api: ApiKit) -> None:
    """A destination gets all identify calls or none."""
    body = {"type": "identify", "name": "email", "destinationId": hook(api)}
    assert api.refused("PUT", "/sources/shop/schema-controls", body)[2] == "name"


def test_another_sources_destination_is_none_of_this_one(api: ApiKit) -> None:
    body = {"type": "track", "name": "Paid", "destinationId": hook(api, "blog")}
    assert api.refused("PUT", "/sources/shop/schema-controls", body)[2] == "destinationId"


def test_a_source_holds_a_limited_number(api: ApiKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "CONTROLS_MAX", 2)
    put(api, type="track", name="a")
    put(api, type="track", name="b")
    put(api, type="track", name="b")
    body = {"type": "track", "name": "c"}
    assert api.refused("PUT", "/sources/shop/schema-controls", body)[0] == 422


def test_the_list_pages(api: ApiKit) -> None:
    for n in range(5):
        put(api, type="track", name=f"e{n}")
    names, cursor = [], None
    while True:
        asked = {"pagination.count": 2} | ({"pagination.cursor": cursor} if cursor else {})
        page = api.ok("GET", "/sources/shop/schema-controls", **asked)
        names += [c["name"] for c in page["controls"]]
        cursor = page["pagination"].get("next")
        if not cursor:
            break
    assert names == ["e0", "e1", "e2", "e3", "e4"]


def test_a_deleted_destination_takes_its_controls_along(api: ApiKit) -> None:
    destination = hook(api)
    put(api, type="track", name="Paid", destinationId=destination)
    put(api, type="track", name="Seen")
    api.ok("DELETE", f"/destinations/{destination}")
    assert listed(api) == [("track", "Seen", None)]


def test_a_member_may_not_know_and_a_reader_may_not_change(api: ApiKit) -> None:
    path, body = "/sources/shop/schema-controls", {"type": "page"}
    reader = api.make_token("source-read-only")
    assert api.refused("PUT", path, body, token=reader)[0] == 403
    assert api.call("GET", path, token=reader)[0] == 200
    assert api.refused("GET", path, token=api.make_token("member"))[0] == 404
