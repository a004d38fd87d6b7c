"""Build the side process that runs action destinations, and the manifest of what it knows.

Run by `./dev setup` and by the build of wheel and sdist; does nothing when the files are there and
made from the same sources. The packages are installed into `sidecar/node_modules`. Needs npm.
"""

import gzip
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
SIDECAR = HERE.parent / "sidecar"
STATIC = HERE.parent / "src" / "crossdock" / "catalog" / "actions" / "static"
_BUILD_TIMEOUT_S = 300


def _fetching() -> ModuleType:
    """fetch.py beside this file, which knows where npm is."""
    spec = importlib.util.spec_from_file_location("crossdock_fetching", HERE / "fetch.py")
    if spec is None or spec.loader is None:
        raise RuntimeError("assets/fetch.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_npm = _fetching()
AssetsMissing: type[Exception] = _npm.AssetsMissing


def is_current(static: Path = STATIC) -> bool:
    """Whether the files are there, made from these sources."""
    stamp = static / "stamp"
    made = (static / "bundle" / "main.mjs").is_file() and (static / "manifest.json.gz").is_file()
    return made and stamp.is_file() and stamp.read_text() == _digest(_sources())


def build(static: Path = STATIC) -> bool:
    """Make the files; False where nothing was to be done. Raises AssetsMissing."""
    if is_current(static):
        return False
    install()
    beside = static.parent / ".static.new"
    shutil.rmtree(beside, ignore_errors=True)
    bundle = beside / "bundle"
    bundle.mkdir(parents=True)
    _node(SIDECAR / "build" / "bundle.mjs", bundle)
    manifest = _node(bundle / "manifest.mjs")
    (bundle / "manifest.mjs").unlink()
    (bundle / "THIRD_PARTY.txt").rename(beside / "THIRD_PARTY.txt")
    # Without a time in its head the same sources make the same bytes.
    (beside / "manifest.json.gz").write_bytes(gzip.compress(manifest, mtime=0))
    (beside / "stamp").write_text(_digest(_sources()))
    shutil.rmtree(static, ignore_errors=True)
    beside.rename(static)
    return True


def install() -> None:
    """`npm ci` in sidecar/, unless it was done for this lock file."""
    stamp = SIDECAR / "node_modules" / ".crossdock-stamp"
    wanted = _digest([SIDECAR / "package-lock.json"])
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    _npm.install(SIDECAR)
    stamp.write_text(wanted)


def _sources() -> list[Path]:
    code = sorted(p for name in ("src", "build") for p in (SIDECAR / name).glob("*.*js"))
    return [SIDECAR / "package-lock.json", *code, Path(__file__)]


def _digest(paths: list[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _node(*arguments: Path) -> bytes:
    """Run a script with the Node that npm runs on; its standard output."""
    _, path = _npm.npm()
    node = shutil.which("node", path=path)
    if node is None:
        raise AssetsMissing("the actions runtime cannot be built: there is npm but no node")
    try:
        done = subprocess.run(
            [node, "--no-deprecation", *arguments],
            env={**os.environ, "PATH": path},
            capture_output=True,
            timeout=_BUILD_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AssetsMissing(f"the actions runtime cannot be built: {error}") from error
    if done.returncode != 0:
        raise AssetsMissing(f"the actions runtime cannot be built: {done.stderr.decode()[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    try:
        made = build()
    except AssetsMissing as missing:
        sys.exit(str(missing))
    sys.stdout.write(f"actions runtime: {'built' if made else 'there already'}\n")
