"""Each of the field's SDKs sends one call of each kind; every call arrives once, whole, at the
webhook and in both warehouses, and the ledger balances."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import psycopg
import pytest
from tests.journey.conftest import Shop
from tests.kit.browser import Visit, chromium, snippet, visit
from tests.kit.calls import PROPERTIES, SENT_BY_ALL, calls_for, check_arrived
from tests.kit.postgres import Server as PostgresServer
from tests.kit.sdks import server_sdks
from tests.kit.waiting import eventually

NAMES = (
    "segment-node",
    "segment-python",
    "rudder-node",
    "rudder-python",
    "browser-snippet",
    "browser-batching",
)
SEND = """(calls) => {
  const send = {
    identify: (c) => analytics.identify(c.userId, c.traits),
    track: (c) => analytics.track(c.event, c.properties),
    page: (c) => analytics.page(c.name, c.properties),
    screen: (c) => analytics.screen(c.name, c.properties),
    group: (c) => analytics.group(c.groupId, c.traits),
    alias: (c) => analytics.alias(c.userId, c.previousId),
  };
  for (const call of calls) send[call.type](call);
}"""


@dataclass(frozen=True)
class Sent:
    """What the browser asked of whom; the rest is in the shop's receiver and warehouses."""

    shop: Shop
    hosts: dict[str, set[str]]
    problems: dict[str, list[str]]
    postgres: str
    duckdb: Path


def user_of(name: str) -> str:
    return f"user-of-{name}"


@pytest.fixture(scope="module")
def sent(
    shop: Shop, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Sent:
    """All SDKs have sent, all has arrived at the webhook, and both warehouses have loaded."""
    url = postgres_server.database()
    for sdk in server_sdks():
        calls = calls_for(user_of(sdk.name))
        sdk.send(shop.server.tracking_url, shop.source.write_key, calls)
    hosts, problems = _send_from_browser(shop)
    expected = len(NAMES) * len(SENT_BY_ALL)
    eventually(lambda: len(shop.receiver.times) >= expected, f"{expected} events at the webhook")
    file = tmp_path_factory.mktemp("warehouse") / "tables.duckdb"
    reach = urlsplit(url)
    postgres = {
        "hostname": str(reach.hostname),
        "port": str(reach.port),
        "database": reach.path.strip("/"),
        "username": str(reach.username),
        "sslmode": "disable",
    }
    for kind, settings in (("duckdb", {"path": str(file)}), ("postgres", postgres)):
        shop.server.sync(shop.server.create_warehouse(kind, shop.source, **settings))
    return Sent(shop, hosts, problems, url, file)


def _send_from_browser(shop: Shop) -> tuple[dict[str, set[str]], dict[str, list[str]]]:
    hosts: dict[str, set[str]] = {}
    problems: dict[str, list[str]] = {}
    pages = {"browser-snippet": snippet_page(shop), "browser-batching": bundle_page(shop)}
    with chromium() as browser:
        for name, html in pages.items():
            with visit(browser, html, "/shop?utm_source=news&utm_campaign=spring") as seen:
                _send_all(seen, shop, user_of(name))
                hosts[name], problems[name] = seen.hosts(), list(seen.problems)
    return hosts, problems


def _send_all(seen: Visit, shop: Shop, user: str) -> None:
    seen.run(SEND, calls_for(user))
    eventually(
        lambda: seen.page.wait_for_timeout(20) or len(shop.receiver.of(user)) >= len(SENT_BY_ALL),
        f"the browser's events at the webhook; the page said {seen.problems}",
    )


def snippet_page(shop: Shop) -> str:
    """The standard snippet; a test server has no https, so the scheme changes with the host."""
    code = snippet(shop.server.host, shop.source.write_key).replace("https://", "http://")
    return f"<!doctype html><html><head><title>Shop</title>{code}</head><body></body></html>"


def bundle_page(shop: Shop) -> str:
    """The npm package in batching mode, as an application bundles it."""
    options = {
        "integrations": {
            "Segment.io": {
                "apiHost": f"{shop.server.host}/v1",
                "protocol": "http",
                "deliveryStrategy": {"strategy": "batching", "config": {"size": 3, "timeout": 500}},
            }
        }
    }
    settings = {"writeKey": shop.source.write_key, "cdnURL": shop.server.tracking_url}
    load = f"AnalyticsNext.AnalyticsBrowser.load({json.dumps(settings)}, {json.dumps(options)})"
    return (
        "<!doctype html><html><head><title>Shop</title><script src='/bundle.js'></script>"
        f"<script>window.analytics = {load}</script></head><body></body></html>"
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_call_arrives_once_with_its_fields(sent: Sent, name: str) -> None:
    """Each call is at the webhook exactly once, its fields as the SDK was given them."""
    events = sent.shop.receiver.of(user_of(name))
    check_arrived(events, user_of(name), SENT_BY_ALL)
    assert {sent.shop.receiver.times[event["messageId"]] for event in events} == {1}


@pytest.mark.parametrize("name", ["browser-snippet", "browser-batching"])
def test_the_browser_asks_nothing_of_other_hosts(sent: Sent, name: str) -> None:
    """Pages speak to the shop and to Crossdock, never to Segment, and nothing fails in them."""
    others = {h for h in sent.hosts[name] if not h.startswith("localhost:")}
    assert others == {sent.shop.server.host}
    assert sent.problems[name] == []


def test_what_only_the_server_knows_is_filled_in(sent: Sent) -> None:
    """A browser's event has the address it came from, its campaign and its page."""
    event = sent.shop.receiver.of(user_of("browser-snippet"))[0]
    assert event["context"]["ip"] == "127.0.0.1"
    assert event["context"]["campaign"] == {"source": "news", "name": "spring"}
    assert event["context"]["page"]["title"] == "Shop"


@pytest.mark.parametrize("warehouse", ["duckdb", "postgres"])
@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_in_the_warehouse(sent: Sent, warehouse: str, name: str) -> None:
    """One row for each call in its table, under the id of the message, with typed columns."""
    rows = _rows(sent, warehouse, user_of(name))
    ids = {e["type"]: e["messageId"] for e in sent.shop.receiver.of(user_of(name))}
    tables = {
        "identifies": "identify",
        "tracks": "track",
        "order_completed": "track",
        "pages": "page",
        "screens": "screen",
        "groups": "group",
        "aliases": "alias",
    }
    assert {table: [row["id"] for row in rows[table]] for table in tables} == {
        table: [ids[call]] for table, call in tables.items()
    }
    order = rows["order_completed"][0]
    assert (order["order_id"], float(order["total"]), order["count"]) == ("1042", 42.5, 3)
    assert order["paid"] is True
    assert order["note"] == PROPERTIES["note"]
    assert json.loads(order["products"]) == PROPERTIES["products"]
    assert rows["users"][0]["email"] == "ada@example.com"
    assert rows["users"][0]["address_city"] == "Bern"


def _rows(sent: Sent, warehouse: str, user: str) -> dict[str, list[dict[str, Any]]]:
    by_user = ("identifies", "tracks", "order_completed", "pages", "screens", "groups", "aliases")
    questions = {t: f"select * from shop.{t} where user_id = '{user}'" for t in by_user}
    questions["users"] = f"select * from shop.users where id = '{user}'"
    connection: Any
    if warehouse == "duckdb":
        connection = duckdb.connect(str(sent.duckdb), read_only=True)
    else:
        connection = psycopg.connect(sent.postgres)
    with connection:
        return {table: _as_dicts(connection, sql) for table, sql in questions.items()}


def _as_dicts(connection: Any, sql: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize("name", NAMES)
def test_trace_shows_the_way_of_a_message(sent: Sent, name: str) -> None:
    """`crossdock trace` finds a message of every SDK and says that the webhook took it."""
    event = sent.shop.receiver.of(user_of(name))[0]
    shown = sent.shop.server.run("trace", event["messageId"])
    assert "delivered" in shown, shown


def test_the_ledger_balances(sent: Sent) -> None:
    """After all of it both equations hold, and nothing was rejected or is still open."""
    eventually(sent.shop.server.ledger_balances, "the ledger to balance")
    shown = sent.shop.server.run("ledger")
    assert re.search(rf"\b{len(NAMES) * len(SENT_BY_ALL)}\b", shown), shown
