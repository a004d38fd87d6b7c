"""A workspace file that cannot be used is refused with its line and path."""

from pathlib import Path

import pytest

from crossdock.base.errors import Misconfigured
from crossdock.workspace.code.reading import read_file, read_text

GOOD = """\
version: 1
name: Shop
labels:
  - key: environment
    value: prod
sources:
  shop-web:
    type: javascript
    labels: {environment: prod}
    destinations:
      hook:
        type: webhook
        settings: {url: "https://example.com"}
warehouses:
  main:
    type: duckdb
    sources: [shop-web]
"""


def _read(text: str) -> None:
    read_text(text.encode(), "shop.yaml", Path())


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("version: 1", "version: 2", "line 1, version: "),
        ("version: 1\n", "", "line 1: Object missing required field `version`"),
        ("    value: prod", "    value: 7", "line 5, labels[0].value: Expected `str`, got `int`"),
        ("    type: javascript", "    typ: javascript", "line 7, sources.shop-web: Object "),
        ("type: javascript", "type: [javascript]", "line 8, sources.shop-web.type: Expected"),
        ("{environment: prod}", "{environment: 1}", "line 9, sources.shop-web.labels: Expected"),
        ("type: webhook", "enabled: maybe", "sources.shop-web.destinations.hook"),
        ("    sources: [shop-web]", "    intervalSeconds: 5", "line 17, warehouses.main.intervalS"),
        ("name: Shop", "name: Shop\nname: Other", "line 3, name: stands there twice"),
        ("name: Shop", "name: [", "line "),
        ("name: Shop", "nam: Shop", "line 1: Object contains unknown field `nam`"),
        ("sources:\n", "sources: &a\n", "line"),
    ],
)
def test_an_error_names_line_and_path(before: str, after: str, expected: str) -> None:
    text = GOOD.replace(before, after, 1)
    assert text != GOOD
    if "&a" in text:
        _read(text)  # an anchor alone harms nobody
        return
    with pytest.raises(Misconfigured) as refused:
        _read(text)
    assert str(refused.value).startswith("shop.yaml line ")
    assert expected in str(refused.value)


def test_a_file_that_multiplies_itself_is_refused() -> None:
    bomb = "version: 1\na: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\n"
    with pytest.raises(Misconfigured, match="alias"):
        _read(bomb)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.yaml cannot be read"):
        read_file(tmp_path / "none.yaml")


def test_an_empty_file_lacks_its_version() -> None:
    with pytest.raises(Misconfigured, match="version"):
        _read("")
