"""Roles, as Segment names them: each gives one level in one area, and the highest wins."""

from enum import IntEnum
from typing import Final, Literal

import msgspec

from crossdock.base.errors import Misconfigured

Area = Literal["WORKSPACE", "SOURCE", "WAREHOUSE"]
"""The resource types of the Public API. Destinations, their mappings and filters are part of their
source; WORKSPACE is people, tokens, labels, audit, mail and the workspace itself."""


class Level(IntEnum):
    """How much of an area somebody may do. READ never shows write keys or secrets."""

    NONE = 0
    READ = 1
    ADMIN = 2


class Role(msgspec.Struct, frozen=True):
    """`on`: what a grant of it may name. `labels`: it may be narrowed to resources with labels."""

    id: str
    name: str
    description: str
    area: Area
    level: Level
    on: tuple[Area, ...] = ("WORKSPACE",)
    labels: bool = False


OWNER: Final = "workspace-owner"
MEMBER: Final = "workspace-member"

ROLES: Final[dict[str, Role]] = {
    role.id: role
    for role in (
        Role(OWNER, "Workspace Owner", "May do everything.", "WORKSPACE", Level.ADMIN),
        Role(
            MEMBER,
            "Workspace Member",
            "May enter the workspace; sees what other roles add.",
            "WORKSPACE",
            Level.READ,
        ),
        Role(
            "minimal-workspace-access",
            "Minimal Workspace Access",
            "May enter the workspace; what invitations give where they name no role.",
            "WORKSPACE",
            Level.READ,
        ),
        Role(
            "source-admin",
            "Source Admin",
            "Changes sources, their write keys and their destinations.",
            "SOURCE",
            Level.ADMIN,
            ("WORKSPACE", "SOURCE"),
            labels=True,
        ),
        Role(
            "source-read-only",
            "Source Read-only",
            "Sees sources and their destinations, without write keys.",
            "SOURCE",
            Level.READ,
            ("WORKSPACE", "SOURCE"),
            labels=True,
        ),
        Role(
            "warehouse-admin",
            "Warehouse Destination Admin",
            "Changes warehouses.",
            "WAREHOUSE",
            Level.ADMIN,
            ("WORKSPACE", "WAREHOUSE"),
        ),
        Role(
            "warehouse-read-only",
            "Warehouse Destination Read-only",
            "Sees warehouses and their syncs.",
            "WAREHOUSE",
            Level.READ,
            ("WORKSPACE", "WAREHOUSE"),
        ),
    )
}


def role_of(reference: str) -> Role:
    """By id, or by name as people write it. Raises Misconfigured naming the roles there are."""
    role = ROLES.get(reference)
    if role is None:
        folded = reference.casefold()
        role = next((r for r in ROLES.values() if r.name.casefold() == folded), None)
    if role is None:
        raise Misconfigured(f"role is {reference!r}: expected one of {', '.join(ROLES)}")
    return role
