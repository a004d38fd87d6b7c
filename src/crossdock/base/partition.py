"""Which partition an event belongs to: by user, so that one user's events stay in order."""

import xxhash


def user_key(user_id: str | None, anonymous_id: str | None) -> str:
    """`userId`, else `anonymousId`; an empty string is absent (RudderStack's SDKs send it)."""
    return user_id or anonymous_id or ""


def partition_of(workspace: str, user: str, partitions: int) -> int:
    """Stable over processes, machines and versions: never change this function."""
    if partitions == 1:
        return 0
    return xxhash.xxh3_64_intdigest(f"{workspace}\0{user}".encode()) % partitions
