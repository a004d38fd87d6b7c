"""The wheel alone, installed by pip where there is no Node and no checkout, does the main job."""

import os
import re
import shutil
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

import pytest
from tests.kit.calls import calls_for
from tests.kit.sdks import server_sdks
from tests.kit.server import CrossdockServer
from tests.kit.waiting import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin/` of a clean environment that holds the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=True)
    pip = [str(folder / "env" / "bin" / "python"), "-m", "pip", "install", "-q"]
    pins = folder / "pins.txt"
    pins.write_text(_pins())
    subprocess.run([*pip, "-c", str(pins), str(wheel)], check=True, cwd=folder)
    subprocess.run([*pip[:-2], "check"], check=True, cwd=folder)
    return folder / "env" / "bin"


def _pins() -> str:
    """The lock's versions without its hashes: pip finds by itself what the wheel needs."""
    lock = (ROOT / "requirements.lock").read_text()
    return "".join(f"{pin}\n" for pin in re.findall(r"^(\S+==.*?) \\$", lock, re.MULTILINE))


def test_the_wheel_serves_a_demo_and_takes_an_sdks_events(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`crossdock serve --demo` from the wheel shows a sample workspace; an SDK's events are in the
    ledger and in DuckDB."""
    sdk = next(sdk for sdk in server_sdks() if sdk.name == "segment-python")
    bare = [installed, Path("/usr/bin"), Path("/bin")]
    assert not shutil.which("crossdock", path=os.pathsep.join(map(str, bare[1:])))
    monkeypatch.setenv("PATH", _without_node(tmp_path, installed))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    program = (str(installed / "crossdock"),)
    with CrossdockServer(tmp_path / "data", program=program, flags=["--demo"]) as server:
        source = server.json("source", "list")["sources"][0]
        script = f"{server.tracking_url}/analytics.js/v1/{source['writeKeys'][0]}/analytics.min.js"
        with urllib.request.urlopen(script, timeout=10) as answer:
            assert len(answer.read()) > 50_000, "analytics.js came with the wheel"
        sdk.send(server.tracking_url, source["writeKeys"][0], calls_for("user-of-wheel"))
        eventually(server.ledger_balances, "the ledger to balance")
        (warehouse,) = server.json("warehouse", "list")["warehouses"]
        server.sync(warehouse["id"])
        (file,) = (server.data / "warehouses").glob("*.duckdb")
    ask = "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]))"
    sql = "select table_schema, table_name from information_schema.tables"
    tables = subprocess.run(
        [installed / "python", "-c", ask, file, sql], check=True, capture_output=True, text=True
    ).stdout
    for table in ("identifies", "tracks", "order_completed", "pages", "groups"):
        assert table in tables


def _without_node(folder: Path, first: Path) -> str:
    """A PATH with the usual tools but no Node and no checkout."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("sh", "env", "uname"):
        (tools / name).symlink_to(shutil.which(name) or "")
    assert not shutil.which("node", path=f"{first}{os.pathsep}{tools}")
    return f"{first}{os.pathsep}{tools}"
