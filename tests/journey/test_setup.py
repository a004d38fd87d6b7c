"""Set-up snippets are pasted as they are shown and run; what they send arrives."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.kit.browser import chromium, visit
from tests.kit.receiver import Receiver
from tests.kit.sdks import FOLDER, node
from tests.kit.server import CrossdockServer
from tests.kit.waiting import eventually


class Sender:
    """A source with its set-up, and a webhook of its own that its events go to."""

    def __init__(self, server: CrossdockServer, kind: str, receiver: Receiver) -> None:
        self.source = server.create_source(kind, kind)
        self.receiver = receiver
        server.create_webhook(self.source, receiver.url)
        self.setup: dict[str, Any] = server.json("source", "setup", self.source.slug)

    @property
    def text(self) -> str:
        return str(self.setup["snippets"][0]["text"])

    def names(self) -> list[str]:
        """Of what arrived: the event's name, or the type of call."""
        return sorted(found.get("event") or found["type"] for found in self.receiver.events)

    def arrives(self, *names: str, page: Any = None) -> None:
        """`page`: of the browser, whose own work goes on only while we wait in it."""
        eventually(
            lambda: (page and page.wait_for_timeout(20)) or self.names() == sorted(names),
            f"{names} of {self.source.slug} at the webhook",
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrossdockServer]:
    with CrossdockServer(tmp_path_factory.mktemp("setup") / "data") as server:
        yield server


@pytest.fixture
def sender(server: CrossdockServer) -> Iterator[Callable[[str], Sender]]:
    with ExitStack() as stack:
        yield lambda kind: Sender(server, kind, stack.enter_context(Receiver()))


def run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_curl_node_and_python_send_from_a_paste(
    server: CrossdockServer, sender: Callable[[str], Sender], tmp_path: Path
) -> None:
    for kind, command, folder in (
        ("http-api", ["bash", "-euc"], tmp_path),
        ("node", [node(), "--input-type=module", "-e"], FOLDER),
        ("python", [sys.executable, "-c"], tmp_path),
    ):
        shop = sender(kind)
        assert shop.source.write_key in shop.text
        assert shop.setup["trackingUrl"] == server.tracking_url
        run([*command, shop.text], folder)
        shop.arrives("Order Completed")


def test_the_page_snippet_and_the_picture_send_from_a_paste(
    server: CrossdockServer, sender: Callable[[str], Sender]
) -> None:
    shop, mail = sender("javascript"), sender("pixel")
    html = f"<!doctype html><html><head><title>Shop</title>{shop.text}</head><body></body></html>"
    with chromium() as browser:
        with visit(browser, html) as seen:
            # Called at once, perhaps before the library is there: nothing may be lost.
            seen.run("() => { analytics.track('Order Completed', {total: 42.5}) }")
            shop.arrives("Order Completed", "page", page=seen.page)
            assert seen.hosts() == {seen.site, server.host}
            assert seen.problems == []
        with visit(browser, f"<!doctype html><title>x</title>{mail.text}") as seen:
            mail.arrives("Email Opened", page=seen.page)


def test_the_bundlers_snippet_sends_on_plain_http_too(sender: Callable[[str], Sender]) -> None:
    """The library's own bundle stands in for a bundler's."""
    shop = sender("javascript")
    imported = 'import { AnalyticsBrowser } from "@segment/analytics-next";'
    code = shop.setup["snippets"][1]["text"]
    assert imported in code
    body = code.replace(imported, "").replace("export const", "const")
    html = (
        "<!doctype html><title>x</title><script src='/bundle.js'></script>"
        f"<script>const {{ AnalyticsBrowser }} = AnalyticsNext;{body}</script>"
    )
    with chromium() as browser, visit(browser, html) as seen:
        shop.arrives("Order Completed", "page", page=seen.page)
        assert seen.problems == []


def test_a_rotated_key_is_taken_until_its_grace_period_ends(server: CrossdockServer) -> None:
    source = server.create_source("Rotated")

    def status(key: str) -> int:
        body = json.dumps({"userId": "ada", "event": "x", "writeKey": key}).encode()
        request = urllib.request.Request(f"{server.tracking_url}/v1/track", data=body)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    after = server.json("source", "rotate-key", source.slug, "--grace", "5")
    (new,) = set(after["writeKeys"]) - {source.write_key}
    assert (status(new), status(source.write_key)) == (200, 200)
    eventually(lambda: status(source.write_key) == 401, "the old key being refused")
    assert status(new) == 200
