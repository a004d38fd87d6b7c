"""Who acts: a person, a token, the command line, or Crossdock itself."""

from typing import Final, Literal

import msgspec

Kind = Literal["person", "token", "cli", "crossdock"]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was recognised; what they may do is looked up in each transaction.

    id         `per_...`, `tok_...`, or the kind itself
    is_owner   of the installation: owner of every workspace
    workspace  the only workspace a token acts in; "" for the others
    """

    kind: Kind
    id: str
    name: str
    email: str = ""
    is_owner: bool = False
    workspace: str = ""


CLI: Final = Principal(kind="cli", id="cli", name="cli", is_owner=True)
"""Whoever can run a command on the data folder owns the installation."""

CROSSDOCK: Final = Principal(kind="crossdock", id="crossdock", name="Crossdock", is_owner=True)
"""What the installation does by itself, such as disabling an idle source."""


def local(name: str) -> Principal:
    """Somebody on this machine with the data folder, under a name of their own in the audit."""
    return Principal(kind="cli", id=name, name=name, is_owner=True)
