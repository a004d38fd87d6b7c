"""From the link that `serve` prints to signing out, in a real browser."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.kit.browser import chromium
from tests.kit.server import CrossdockServer

PASSWORD = "velvet otter counts 92"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CrossdockServer]:
    with CrossdockServer(tmp_path / "data") as running:
        yield running


class Watched:
    """A browser's window that notes what it complains of; shots go where SHOTS says."""

    def __init__(self, browser: Browser) -> None:
        self.page: Page = browser.new_context().new_page()
        self.page.set_default_timeout(10_000)
        self.problems: list[str] = []
        self.page.on("console", lambda line: line.type == "error" and self._note(line.text))
        self.page.on("pageerror", lambda error: self._note(str(error)))

    def _note(self, text: str) -> None:
        if "status of 4" not in text:  # a refused form is said on its page
            self.problems.append(text)

    def look(self, name: str) -> None:
        """In light, dark and on a narrow screen: nothing reaches over the edge."""
        folder = os.environ.get("SHOTS")
        for scheme in ("light", "dark"):
            for width in (1000, 400):
                self.page.emulate_media(color_scheme=scheme)
                self.page.set_viewport_size({"width": width, "height": 800})
                over = self.page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert over <= 0, f"{name} is {over} px too wide at {width} px"
                if folder:
                    path = Path(folder) / f"{name}-{scheme}-{width}.png"
                    self.page.screenshot(path=str(path), full_page=True)
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": 1000, "height": 800})

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"input[name={name}]:not([type=hidden])").last.fill(value)

    def click(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()

    def sign_in(self, url: str, email: str, password: str) -> None:
        self.page.goto(f"{url}/sign-in")
        self.fill(email=email, password=password)
        self.click("Sign in")


def owner_link(server: CrossdockServer) -> str:
    links = re.findall(r"http://\S+/owner/\S+", server.logs())
    assert links, server.logs()
    return links[-1]


def test_the_printed_link_makes_an_owner_who_signs_in_with_a_second_factor_and_out(
    server: CrossdockServer, browser: Browser
) -> None:
    window = Watched(browser)
    page = window.page
    link = owner_link(server)
    page.goto(link)
    window.look("owner")
    window.fill(name="Grace Hopper", email="grace@example.com", password="grace@example.com")
    window.click("Make my account")
    expect(page.get_by_role("alert")).to_contain_text("easily guessed")
    window.fill(password=PASSWORD)
    window.click("Make my account")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    expect(page.get_by_text("owner of this installation")).to_be_visible()
    secret, recovery = set_up_factor(window)
    window.click("Sign out")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{server.app_url}/account")
    assert "/sign-in" in page.url

    window.sign_in(server.app_url, "grace@example.com", "not the right one")
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    window.look("sign-in-wrong")
    window.sign_in(server.app_url, "grace@example.com", PASSWORD)
    window.look("code")
    window.fill(code="000000")
    window.click("Sign in")
    expect(page.get_by_role("alert")).to_contain_text("code")
    window.fill(code=recovery)
    window.click("Sign in")
    expect(page.get_by_text("In force. 9 recovery codes are left.")).to_be_visible()
    window.look("account")
    assert page.evaluate("document.cookie") == ""
    assert secret not in server.logs()
    page.goto(link)
    expect(page.get_by_text("this link was used")).to_be_visible()
    assert not window.problems


def set_up_factor(window: Watched) -> tuple[str, str]:
    """Its secret and one recovery code."""
    page = window.page
    window.click("Set up a second factor")
    expect(page.locator(".qr svg")).to_be_visible()
    window.look("factor")
    secret = page.locator("code.key").inner_text()
    window.fill(code=pyotp.TOTP(secret).now())
    window.click("Enable the second factor")
    expect(page.locator(".codes li")).to_have_count(10)
    window.look("codes")
    recovery = page.locator(".codes li").first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    return secret, recovery


def test_the_command_line_lets_people_in_again(server: CrossdockServer, browser: Browser) -> None:
    """A new owner link ends the printed one; a password link ends what was open."""
    printed = owner_link(server)
    link = server.json("owner", "link")["link"]
    assert link.startswith(f"{server.app_url}/owner/")
    window = Watched(browser)
    page = window.page
    page.goto(printed)
    expect(page.get_by_text("this link was used, is too old")).to_be_visible()
    page.goto(link)
    window.fill(name="Ada", email="ada@example.com", password=PASSWORD)
    window.click("Make my account")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    page.goto(server.run("owner", "password-link", "ada@example.com").strip())
    window.look("password")
    window.fill(password="another badger 417")
    window.click("Set the password")
    expect(page.get_by_text("your sessions have ended")).to_be_visible()
    page.goto(f"{server.app_url}/account")
    assert "/sign-in" in page.url
    window.sign_in(server.app_url, "ada@example.com", "another badger 417")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    page.goto(f"{server.app_url}/forgot")
    expect(page.get_by_text("crossdock owner password-link")).to_be_visible()
    assert not window.problems


def test_a_restart_prints_no_link_once_there_is_an_owner(
    server: CrossdockServer, browser: Browser
) -> None:
    window = Watched(browser)
    before = owner_link(server)
    server.stop()
    server.start()
    link = owner_link(server)
    assert link != before
    window.page.goto(link)
    window.fill(name="Ada", email="ada@example.com", password=PASSWORD)
    window.click("Make my account")
    expect(window.page.get_by_role("heading", name="Your account")).to_be_visible()
    server.stop()
    printed = server.logs().count("/owner/")
    server.start()
    assert server.logs().count("/owner/") == printed
    window.page.goto(f"{server.app_url}/account")
    expect(window.page.get_by_role("heading", name="Your account")).to_be_visible()
