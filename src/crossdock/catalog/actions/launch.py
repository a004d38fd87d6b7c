"""How a side process is started: which Node, what it may read, what it sees of the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from crossdock.base.errors import Misconfigured
from crossdock.base.sender import USER_AGENT
from crossdock.base.settings import Settings
from crossdock.catalog.actions.node import find_node

BUNDLE = Path(__file__).parent / "static" / "bundle"
_NET_ASKS_FOR_LEAVE = 25
"""From this Node on the permission model closes the network too; our guard judges it instead."""

_PASSED_ON = ("NODE_EXTRA_CA_CERTS",)
VENDOR_KEYS = (
    "ADWORDS_DEVELOPER_TOKEN",
    "ACTIONS_AMAZON_AMC_CLIENT_ID",
    "ACTIONS_AMAZON_AMC_CLIENT_SECRET",
    "ACTIONS_AMAZON_CONVERSIONS_API_CLIENT_ID",
    "ACTIONS_AMAZON_CONVERSIONS_API_CLIENT_SECRET",
    "ACTIONS_DISPLAY_VIDEO_360_CLIENT_ID",
    "ACTIONS_DISPLAY_VIDEO_360_CLIENT_SECRET",
    "ACTIONS_DISPLAY_VIDEO_360_REFRESH_TOKEN",
    "ACTIONS_FB_CAPI_SYSTEM_USER_TOKEN",
    "ACTIONS_FIRST_PARTY_DV360_CLIENT_ID",
    "ACTIONS_FIRST_PARTY_DV360_CLIENT_SECRET",
    "ACTIONS_LINKEDIN_CONVERSIONS_CLIENT_ID",
    "ACTIONS_LINKEDIN_CONVERSIONS_CLIENT_SECRET",
    "ACTIONS_MS_BING_ADS_AUDIENCES_DEVELOPER_TOKEN",
    "ACTIONS_YAHOO_AUDIENCES_TAXONOMY_CLIENT_ID",
    "ACTIONS_YAHOO_AUDIENCES_TAXONOMY_CLIENT_SECRET",
    "AMAZON_KINESIS_ACTIONS_EXTERNAL_ID",
    "AMAZON_KINESIS_ACTIONS_ROLE_ADDRESS",
    "AMAZON_S3_ACTIONS_EXTERNAL_ID",
    "AMAZON_S3_ACTIONS_ROLE_ADDRESS",
    "BRAZE_COHORTS_PARTNER_API_KEY_EU",
    "BRAZE_COHORTS_PARTNER_API_KEY_US",
    "GOOGLE_ENHANCED_CONVERSIONS_CLIENT_ID",
    "GOOGLE_ENHANCED_CONVERSIONS_CLIENT_SECRET",
    "SALESFORCE_CLIENT_ID",
    "SALESFORCE_CLIENT_SECRET",
)
"""Of the operator's own accounts with the vendors; upstream reads them from the environment."""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """`preload` are scripts that Node runs first (the tests' recorder)."""

    node: Path
    node_major: int
    bundle: Path = BUNDLE
    memory_mib: int = 256
    allowed: tuple[str, ...] = ()
    allow_private: bool = False
    preload: tuple[Path, ...] = ()
    environ: Mapping[str, str] = {}

    @classmethod
    def of(cls, settings: Settings, environ: Mapping[str, str] | None = None) -> "Launch":
        """Raises Misconfigured where there is no Node, or no bundle."""
        if not (BUNDLE / "main.mjs").is_file():
            raise Misconfigured(
                "the actions runtime is not built: run ./dev setup (a wheel carries it)"
            )
        node, major = find_node(settings.actions_node)
        return cls(
            node=node,
            node_major=major,
            memory_mib=settings.actions_memory_mib,
            allowed=settings.allowed_addresses,
            allow_private=settings.allow_private_addresses,
            environ=os.environ if environ is None else environ,
        )

    def command(self) -> list[str]:
        command = [str(self.node), "--permission", f"--allow-fs-read={self.bundle}/"]
        if self.node_major >= _NET_ASKS_FOR_LEAVE:
            command.append("--allow-net")
        for script in self.preload:
            command += [f"--allow-fs-read={script}", f"--require={script}"]
        command += [f"--max-old-space-size={self.memory_mib}", "--no-deprecation"]
        return [*command, str(self.bundle / "main.mjs")]

    def environment(self, fd: int) -> dict[str, str]:
        """Nothing of ours but what it needs: other people's code runs there."""
        options: dict[str, Any] = {
            "fd": fd,
            "allowed": self.allowed,
            "allow_private": self.allow_private,
            "user_agent": USER_AGENT,
        }
        passed = {n: v for n in (*_PASSED_ON, *VENDOR_KEYS) if (v := self.environ.get(n))}
        own = {"NODE_ENV": "production", "TZ": "UTC", "LANG": "C.UTF-8"}
        return {**passed, **own, "CROSSDOCK_SIDECAR": msgspec.json.encode(options).decode()}
