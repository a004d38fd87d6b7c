"""Dead letters have a limit: what a destination refuses must not fill the disk."""

from sqlalchemy import Connection, delete, func, select

from crossdock.state.tables import dead_letters


def forget_beyond(connection: Connection, letters_max: int) -> int:
    """Keep the newest `letters_max` of each destination; how many went. The ledger counts the
    events as dead all the same: it looks at counts, not at what is kept of them."""
    owners = connection.execute(
        select(dead_letters.c.owner)
        .group_by(dead_letters.c.owner)
        .having(func.count() > letters_max)
    ).scalars()
    forgotten = 0
    for owner in list(owners):
        mine = dead_letters.c.owner == owner
        newest = select(dead_letters.c.id).where(mine).order_by(dead_letters.c.id.desc())
        last = connection.execute(newest.offset(letters_max).limit(1)).scalar_one()
        forgotten += connection.execute(
            delete(dead_letters).where(mine, dead_letters.c.id <= last)
        ).rowcount
    return forgotten
