"""`./dev run`: Crossdock, a shop that sends, a webhook that receives, a warehouse that fills."""

import argparse
import shlex
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from tests.kit.receiver import Receiver
from tests.kit.server import CrossdockServer, Source
from tests.kit.waiting import eventually

from sample.shop import Shop

ROOT = Path(__file__).parents[1]
USUAL_PORTS = {"port": 8080, "app_port": 8090}
SLUG = "shop"
FIRST_EVENTS = 12
TICK_S = 10.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev run", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / ".data" / "sample")
    parser.add_argument("--seconds", type=float, default=None, help="stop by itself after this")
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    say("Starting Crossdock with a sample shop...")
    server = CrossdockServer(given.data.resolve())
    server.ports = {name: port if _is_free(port) else 0 for name, port in USUAL_PORTS.items()}
    with Receiver(keep_bodies=False) as receiver, server:
        source, warehouse = _workspace(server, receiver)
        shop = Shop(server.tracking_url, source.write_key)
        shop.start()
        try:
            eventually(
                lambda: len(receiver.times) >= FIRST_EVENTS or stop.is_set(), "the first events"
            )
            _show(server, receiver, warehouse)
            _watch(receiver, shop, stop, given.seconds)
        finally:
            shop.stop()
    say("Stopped; everything sent was kept. The folder stays, and the next run goes on with it.")
    return 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _workspace(server: CrossdockServer, receiver: Receiver) -> tuple[Source, str]:
    """The sample's source and warehouse; made by the first run, found by the next ones."""
    for made in server.json("source", "list")["sources"]:
        if made["slug"] == SLUG:
            source = Source(made["id"], made["slug"], made["writeKeys"][0])
            break
    else:
        source = server.create_source("Shop", "python")
    destinations = server.json("destination", "list")["destinations"]
    if destinations:
        server.run("destination", "set", destinations[0]["slug"], f"--set=url={receiver.url}")
    else:
        server.create_webhook(source, receiver.url)
    warehouses = server.json("warehouse", "list")["warehouses"]
    warehouse = warehouses[0]["id"] if warehouses else server.create_warehouse("duckdb", source)
    return source, str(warehouse)


def _show(server: CrossdockServer, receiver: Receiver, warehouse: str) -> None:
    """Addresses, and commands to try with what they print now."""
    message = next(iter(receiver.times), "")
    server.sync(warehouse)
    file = next((server.data / "warehouses").glob("*.duckdb"))
    say(
        f"\nCrossdock runs.\n"
        f"  tracking      {server.tracking_url}\n"
        f"  app, metrics  {server.app_url}/metrics\n"
        f"  your account  {server.json('owner', 'link')['link']} (once)\n"
        f"  webhook       {receiver.url} (receives every event)\n"
        f"  data          {server.data}\n"
        f"  logs          {server.log_file}"
    )
    for words in (("ledger",), ("trace", message), ("doctor",)):
        _try(server, *words)
    sql = "select event_text, count(*) as times from shop.tracks group by all order by all"
    code = f"import duckdb; print(duckdb.connect({str(file)!r}, read_only=True).sql({sql!r}))"
    say(f"\n$ {shlex.join(['.venv/bin/python', '-c', code])}")
    say(
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout
    )
    say(f"Load the newest events: {_command(server, 'warehouse', 'sync', warehouse)}")
    say("Ctrl-C stops everything.\n")


def _try(server: CrossdockServer, *words: str) -> None:
    say(f"\n$ {_command(server, *words)}")
    say(server.run(*words, expect=None).rstrip())


def _command(server: CrossdockServer, *words: str) -> str:
    return shlex.join([".venv/bin/crossdock", *words, "--data", str(server.data)])


def _watch(receiver: Receiver, shop: Shop, stop: threading.Event, seconds: float | None) -> None:
    """One line every few seconds until Ctrl-C."""
    passed = 0.0
    while seconds is None or passed < seconds:
        before = len(receiver.times)
        if stop.wait(TICK_S if seconds is None else min(TICK_S, seconds - passed)):
            return
        passed += TICK_S
        now = len(receiver.times)
        say(f"{now:,} events at the webhook, {now - before} in the last {TICK_S:g} s", end="\r")


def say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
