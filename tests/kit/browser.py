"""A shop's page in headless Chromium, with Segment's standard snippet as people paste it."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.kit.sdks import FOLDER, node

BUNDLE = FOLDER / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# Chromium's own traffic (component updates and the like) must not be taken for the page's.
QUIET = ("--disable-background-networking", "--disable-component-update", "--no-first-run")


def snippet(host: str, write_key: str) -> str:
    """Segment's snippet from its own package, with only the host changed."""
    done = subprocess.run(
        [node(), "snippet.mjs", host, write_key],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )
    return f"<script>{done.stdout}</script>"


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, else Playwright's own; the test is not run where there is neither."""
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium: ./dev setup installs it where it can")
        browser = playwright.chromium.launch(executable_path=found, args=[*QUIET, *sandbox])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page that is open, and what it asked of which host so far."""

    page: Page
    site: str
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def hosts(self) -> set[str]:
        return {urlsplit(url).netloc for url in self.requests}

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)


@contextmanager
def visit(browser: Browser, html: str, path: str = "/", **context: Any) -> Iterator[Visit]:
    """Open `html` served from http://localhost, so that the tracking host is another origin."""
    with _serving(html) as site:
        page = browser.new_context(**context).new_page()
        seen = Visit(page, urlsplit(site).netloc)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda line: _note_error(seen, line))
        page.on("pageerror", lambda error: seen.problems.append(str(error)))
        page.goto(site + path)
        yield seen
        page.context.close()


def _note_error(seen: Visit, line: Any) -> None:
    if line.type == "error":
        seen.problems.append(line.text)


@contextmanager
def _serving(html: str) -> Iterator[str]:
    pages = {"/bundle.js": (BUNDLE / "index.js", "application/javascript")}

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            file, kind = pages.get(self.path, (None, "text/html; charset=utf-8"))
            body = file.read_bytes() if file else html.encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
