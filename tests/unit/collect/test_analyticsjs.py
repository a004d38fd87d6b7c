"""analytics.js: fetched once, changed in three places, kept within bounds."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.collect.kit import KEY

from crossdock.collect import analyticsjs
from crossdock.collect.analyticsjs import AnalyticsJs
from crossdock.collect.origin import Origin


def test_libraries_made_for_hosts_that_were_asked_for_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "standalone.js").write_text("__WRITE_KEY__")
    library = AnalyticsJs(tmp_path)
    for n in range(500):
        assert library.library(KEY, Origin("http", f"h{n}.example"), {})
    assert len(library._libraries) <= analyticsjs._CACHE_MAX


def test_the_real_library_never_names_segments_hosts() -> None:
    library = AnalyticsJs()
    if not library.is_built:
        pytest.fail("analytics.js is not built; run assets/fetch.py")
    served = library.library(KEY, Origin("https", "cdp.example.com"), {})
    assert served is not None
    named = re.findall(rb"[\w.-]*segment\.(?:com|io)[\w/]*", served.body)
    # Only a link in an error message, for people.
    assert all(name.startswith(b"segment.com/docs/") for name in named)
    assert KEY.encode() in served.body


def _fetching() -> Any:
    path = Path(__file__).parents[3] / "assets" / "fetch.py"
    spec = importlib.util.spec_from_file_location("crossdock_assets_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_fetching_copies_library_chunks_and_licences(tmp_path: Path) -> None:
    fetching = _fetching()
    package = tmp_path / "modules" / "@segment" / "analytics-next"
    scripts = package / "dist" / "umd"
    scripts.mkdir(parents=True)
    for name in ("standalone.js", "index.js", "a.bundle.1f.js", "a.bundle.1f.js.map"):
        (scripts / name).write_text(name)
    (package / "package.json").write_text("{}")
    static = tmp_path / "static"
    with pytest.raises(fetching.AssetsMissing, match="licence"):
        fetching.copy(tmp_path / "modules", static)
    (package / "LICENSE.MD").write_text("The MIT License")
    assert not fetching.is_current(static)
    fetching.copy(tmp_path / "modules", static)
    assert fetching.is_current(static)
    assert fetching.fetch(static) is False
    names = {path.name for path in (static / "analytics-next").iterdir()}
    assert names == {"standalone.js", "a.bundle.1f.js", "LICENSES.txt", "stamp"}
    assert "The MIT License" in (static / "analytics-next" / "LICENSES.txt").read_text()
