"""The documented TLS proxy and Segment's snippet, in which only the host is changed."""

from pathlib import Path

from tests.kit.browser import chromium, snippet, visit
from tests.kit.calls import PROPERTIES
from tests.kit.receiver import Receiver
from tests.kit.server import CrossdockServer
from tests.kit.tls import free_port, nginx_in_front
from tests.kit.waiting import eventually


def test_the_standard_snippet_works_over_https_with_only_the_host_changed(tmp_path: Path) -> None:
    """Through nginx as docs/tls.md sets it up: the event arrives once, with the visitor's address,
    and the page speaks to no other host."""
    port = free_port()
    host = f"localhost:{port}"
    env = {
        "CROSSDOCK_TRACKING_URL": f"https://{host}",
        "CROSSDOCK_TRUSTED_PROXIES": "127.0.0.1/32",
    }
    with Receiver() as receiver, CrossdockServer(tmp_path / "data", env=env) as server:
        source = server.create_source("Shop", "javascript")
        server.create_webhook(source, receiver.url)
        html = f"<html><head>{snippet(host, source.write_key)}</head><body></body></html>"
        proxy = nginx_in_front(tmp_path / "nginx", host="localhost", port=port, behind=server.host)
        with proxy, chromium() as browser, visit(browser, html, ignore_https_errors=True) as seen:
            seen.run("(p) => analytics.track('Order Completed', p)", PROPERTIES)
            eventually(
                lambda: seen.page.wait_for_timeout(20) or receiver.events,
                f"the event at the webhook; the page said {seen.problems}",
            )
            assert {h for h in seen.hosts() if h != host} == {seen.site}
            assert seen.problems == []
        (event,) = receiver.events
    assert event["properties"] == PROPERTIES
    assert event["context"]["ip"] in ("127.0.0.1", "::1")
    assert list(receiver.times.values()) == [1]
