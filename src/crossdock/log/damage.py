"""Reading on past damage, for those who count what there is and name what is lost."""

from collections.abc import AsyncIterator

from crossdock.base.errors import Corrupt
from crossdock.log.contract import Fetched, Reader

FETCH_BYTES = 4 << 20


async def readable(
    reader: Reader, offset: int, end: int, damage: list[str], name: str
) -> AsyncIterator[tuple[int, Fetched]]:
    """What can be read of [offset, end), each piece with the offset it was asked for; the last
    may reach beyond `end`. What cannot be read adds a sentence to `damage`.

    Raises OffsetOutOfRange where retention was quicker.
    """
    while offset < end:
        try:
            fetched = await reader.fetch(offset, FETCH_BYTES)
        except Corrupt as error:
            after = await after_damage(reader, offset, end)
            damage.append(f"{name}: offsets {offset} to {after} cannot be read: {error}")
            offset = after
            continue
        if fetched.next_offset == offset:
            return
        yield offset, fetched
        offset = fetched.next_offset


async def after_damage(reader: Reader, offset: int, end: int) -> int:
    """The next offset that can be read, found by growing steps and then halving back."""
    step = 1
    while offset + step < end and not await _is_readable(reader, offset + step):
        step *= 2
    low, high = offset + step // 2, min(offset + step, end)
    while high - low > 1:
        middle = (low + high) // 2
        if await _is_readable(reader, middle):
            high = middle
        else:
            low = middle
    return high


async def _is_readable(reader: Reader, offset: int) -> bool:
    try:
        await reader.fetch(offset, 1)
    except Corrupt:
        return False
    return True
