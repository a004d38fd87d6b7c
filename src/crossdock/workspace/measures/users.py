"""What is told of tracked users. Apart from how they are counted, which brings numpy."""

import msgspec


class UsersSnapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Tracked users are `identified` + `neverIdentified`. Counts are texts, as it may pass what
    JavaScript's numbers hold."""

    period_start: int
    period_end: int
    anonymous: str
    anonymous_identified: str
    identified: str
    never_identified: str
    timestamp: str


class SourceUsersSnapshot(UsersSnapshot, frozen=True, kw_only=True):
    source_id: str
