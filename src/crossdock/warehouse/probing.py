"""Whether settings reach a warehouse: tried for real in a child process, which is killed when it
takes too long. A thread could not be: engines wait inside C code."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Busy, Misconfigured
from crossdock.base.secrets import SecretBox, new_key
from crossdock.base.settings import Settings
from crossdock.base.snapshot import WarehouseView
from crossdock.warehouse.failures import Notice, notice_of

PROBE_S_MAX = 20.0
PROBES_MAX = 4
"""At the same time; each is a process."""
COMMAND = (sys.executable, "-m", "crossdock.warehouse.probing")
HIDDEN_AS = "(hidden)"
SECRET_CHARS_MIN = 4
MAGIC = b"DUCK"
HEAD_BYTES = 12
"""A DuckDB file has a checksum of 8 bytes, then the magic word."""

_running = 0


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is told, on its standard input: a command line shows to every user. `settings`
    are checked by the card, secrets opened; `secrets` are what no answer may hold."""

    warehouse: WarehouseView
    data: str
    allowed_addresses: tuple[str, ...]
    allow_private_addresses: bool
    secrets: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`engine`: name and version, where a load could begin; else `notice` says what to do."""

    engine: str = ""
    notice: Notice | None = None


async def probe(
    warehouse: WarehouseView,
    settings: Settings,
    secrets: Sequence[str] = (),
    *,
    timeout_s: float = PROBE_S_MAX,
    command: Sequence[str] = COMMAND,
) -> Answer:
    """Connect as a load would. Raises Busy where too many are at it already."""
    global _running  # noqa: PLW0603 - one event loop counts its own children
    if _running >= PROBES_MAX:
        raise Busy(f"{PROBES_MAX} connections are being tried already", retry_after_s=5)
    asked = Probe(
        warehouse=warehouse,
        data=settings.data,
        allowed_addresses=settings.allowed_addresses,
        allow_private_addresses=settings.allow_private_addresses,
        secrets=tuple(secrets),
    )
    _running += 1
    try:
        return await _ask(msgspec.json.encode(asked), timeout_s, command)
    finally:
        _running -= 1


async def _ask(asked: bytes, timeout_s: float, command: Sequence[str]) -> Answer:
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(timeout_s):
            said, _ = await child.communicate(asked)
        return msgspec.json.decode(said, type=Answer)
    except TimeoutError:
        message = f"no answer within {timeout_s:g} s"
        return _failed("ETIMEDOUT", message, "Check hostname, port and the firewall.")
    except msgspec.MsgspecError:
        return _failed("crashed", f"the engine ended with code {child.returncode}", "")
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _failed(code: str, message: str, remedy: str) -> Answer:
    return Answer(notice=Notice(level="error", code=code, message=message, remedy=remedy))


def try_out(asked: Probe) -> Answer:
    """In this process. An embedded warehouse's file is not opened, as a load may hold it or want
    it: a file beside it shows whether one can be made there."""
    from crossdock.warehouse.opening import check_connection

    settings = Settings(
        data=asked.data,
        allowed_addresses=asked.allowed_addresses,
        allow_private_addresses=asked.allow_private_addresses,
    )
    folder, box = DataFolder(Path(asked.data)), SecretBox(new_key())
    if asked.warehouse.type != "duckdb":
        engine, notice = check_connection(asked.warehouse, box, folder, settings)
        return Answer(engine=engine, notice=notice and _without(notice, asked.secrets))
    with _beside(asked.warehouse, folder) as path:
        beside = msgspec.structs.replace(asked.warehouse, settings={"path": str(path)})
        engine, notice = check_connection(beside, box, folder, settings)
    return Answer(engine=engine, notice=notice)


@contextmanager
def _beside(warehouse: WarehouseView, folder: DataFolder) -> Iterator[Path]:
    from crossdock.warehouse.sinks.duckdb import path_of

    path = path_of(warehouse.settings, warehouse.slug, folder).absolute()
    if path.exists():
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if head and not head.endswith(MAGIC):
            raise Misconfigured(f"setting path is {str(path)!r}: it is none of DuckDB's files")
    above = next(parent for parent in path.parents if parent.exists())
    with tempfile.TemporaryDirectory(dir=above) as made:
        yield Path(made) / "probe.duckdb"


def _without(notice: Notice, secrets: Sequence[str]) -> Notice:
    """Engines repeat in their errors what they were given."""
    message = notice.message
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SECRET_CHARS_MIN:
            message = message.replace(secret, HIDDEN_AS)
    return msgspec.structs.replace(notice, message=message)


def main(said: bytes) -> bytes:
    """The child: one Probe in, one Answer out."""
    try:
        answer = try_out(msgspec.json.decode(said, type=Probe))
    except Exception as error:
        answer = Answer(notice=notice_of(error))
    return msgspec.json.encode(answer)


def secrets_of(settings: dict[str, Any], names: Sequence[str]) -> list[str]:
    """The texts of the settings of these names."""
    return [str(settings[name]) for name in names if settings.get(name)]


if __name__ == "__main__":
    sys.stdout.buffer.write(main(sys.stdin.buffer.read()))
