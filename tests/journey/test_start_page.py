"""docs/start.md is run as it is written, with this machine's addresses put in."""

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
from tests.kit.receiver import Receiver
from tests.kit.sdks import FOLDER, node
from tests.kit.server import CrossdockServer
from tests.kit.waiting import eventually

PAGE = Path(__file__).parents[2] / "docs" / "start.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_first_steps_work_as_they_are_written(tmp_path: Path) -> None:
    """Source, curl, Node, Python, webhook, warehouse, query, ledger and trace, in the page's own
    words; each sent event arrives at the webhook and in the table."""
    with Receiver() as receiver, CrossdockServer(tmp_path / "data") as server:
        page = Reader(server, receiver, tmp_path)
        serve, create, curl, webhook, warehouse, account = blocks("sh")
        assert serve.startswith("crossdock serve")
        page.shell(create)
        source = server.json("source", "list")["sources"][0]
        page.put["$WRITE_KEY"] = source["writeKeys"][0]
        page.shell(webhook)
        assert '"success": true' in page.shell(curl).replace('":true', '": true')
        (node_code,) = (code for code in blocks("js") if "analytics-node" in code)
        page.node(node_code)
        page.python(blocks("python")[0])
        eventually(lambda: len(receiver.times) == 3, "three events at the webhook")
        create_warehouse, sync = warehouse.splitlines()
        page.shell(create_warehouse)
        page.put["WAREHOUSE_ID"] = server.json("warehouse", "list")["warehouses"][0]["id"]
        page.shell(sync)
        page.put["MESSAGE_ID"] = receiver.events[0]["messageId"]
        eventually(server.ledger_balances, "the ledger to balance")
        shown = page.shell(account)
    assert "delivered" in shown
    (file,) = (tmp_path / "data" / "warehouses").glob("*.duckdb")
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = connection.execute(blocks("sql")[0]).fetchall()
    assert [(user, float(total)) for user, total, _ in rows] == [("ada", 42.5)] * 3


class Reader:
    """Someone who types what the page says; `put` is what they put in for what."""

    def __init__(self, server: CrossdockServer, receiver: Receiver, folder: Path) -> None:
        self._folder = folder
        self.put = {
            "http://localhost:8080": server.tracking_url,
            "https://example.com/hook": receiver.url,
            "./data": str(server.data),
        }

    def _with_names(self, text: str) -> str:
        for shown in sorted(self.put, key=len, reverse=True):
            text = text.replace(shown, self.put[shown])
        return text

    def _run(self, command: list[str], cwd: Path) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = os.environ | {"PATH": path, "CROSSDOCK_ALLOWED_ADDRESSES": "127.0.0.1"}
        done = subprocess.run(
            command, env=env, cwd=cwd, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    def shell(self, text: str) -> str:
        return self._run(["bash", "-euc", self._with_names(text)], cwd=self._folder)

    def node(self, code: str) -> None:
        words = f'const WRITE_KEY = "{self.put["$WRITE_KEY"]}";\n'
        script = words + self._with_addresses(code)
        self._run([node(), "--input-type=module", "-e", script], cwd=FOLDER)

    def python(self, code: str) -> None:
        words = f'WRITE_KEY = "{self.put["$WRITE_KEY"]}"\n'
        self._run([sys.executable, "-c", words + self._with_addresses(code)], cwd=self._folder)

    def _with_addresses(self, code: str) -> str:
        shown = "http://localhost:8080"
        return code.replace(shown, self.put[shown])
