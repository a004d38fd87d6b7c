"""The workspace as a file: on a running installation, and on a machine without an app."""

from pathlib import Path

from tests.kit.sdks import server_sdks
from tests.kit.server import CrossdockServer
from tests.kit.waiting import eventually

KEY = "k" * 32
SHOP = """\
version: 1
sources:
  shop:
    type: node
    writeKeys: [{env: SHOP_KEY}]
warehouses: {}
"""


def test_a_file_applied_at_start_lets_its_senders_in_at_once(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP)
    flags = ("--workspace", str(file))
    with CrossdockServer(tmp_path / "data", flags=flags, env={"SHOP_KEY": KEY}) as server:
        sdk = server_sdks()[0]
        sdk.send(server.tracking_url, KEY, [{"type": "track", "event": "Bought", "userId": "u"}])
        eventually(
            lambda: server.json("ledger")["sources"][0]["accepted"] == 1, "the event counted"
        )


def test_a_plan_needs_a_yes_and_a_running_collector_knows_it_when_apply_returns(
    tmp_path: Path,
) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP)
    with CrossdockServer(tmp_path / "data", env={"SHOP_KEY": KEY}) as server:
        assert "--yes" in server.complete("apply", str(file), expect=3).stderr
        assert not server.json("apply", str(file), "--plan")["applied"]
        assert server.json("apply", str(file), "--yes")["applied"]
        sdk = server_sdks()[0]
        sdk.send(server.tracking_url, KEY, [{"type": "track", "event": "Bought", "userId": "u"}])
        assert server.json("apply", str(file), "--yes") == {"applied": False, "steps": []}
