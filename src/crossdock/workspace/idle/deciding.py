"""What becomes of one source that nothing is connected to: pure, so its promises can be tested.

It is disabled only after `days` that were watched, after a first notice that was out for seven days
and a last one that was out for one, and never before the day that the last one named.
"""

from typing import Final, Literal

import msgspec

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
FIRST_MS: Final = 7 * DAY_MS
LAST_MS: Final = DAY_MS
"""How long before its end the two notices are given, and out at least."""
ROUND_MS: Final = HOUR_MS
GAP_MS: Final = 2 * HOUR_MS
"""A round that comes later than this leaves a gap, which does not count."""
VOID_GAP_MS: Final = DAY_MS
"""After a longer one, as after a restore, notices are given again."""

Action = Literal["leave", "forget", "watch", "notify_first", "notify_last", "disable"]
Mail = Literal["waiting", "sent", "lost"]
"""What became of the mail queued at `mailed_ms`; `lost`: nobody was reached, or it is gone."""


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `source_idles`. A notice's time is that of the round which saw it out."""

    since_ms: int
    due_ms: int
    seen_ms: int
    first_notice_ms: int | None = None
    last_notice_ms: int | None = None
    mailed_ms: int | None = None


class Decision(msgspec.Struct, frozen=True):
    """`idle` is the row as it is to be kept; None where there is to be none."""

    action: Action
    idle: Idle | None = None


def decide(
    now_ms: int, *, days: int, is_idle: bool, idle: Idle | None, mail: Mail, has_mail: bool
) -> Decision:
    """`is_idle`: enabled, not on the exception list, nothing enabled connected. `has_mail`: there
    is a server and somebody to write to; else a notice is out as soon as it stands in the app."""
    if not is_idle or days == 0:
        return Decision("leave" if idle is None else "forget")
    if idle is None:
        idle = Idle(since_ms=now_ms, due_ms=now_ms + days * DAY_MS, seen_ms=now_ms)
    idle = _heard(_seen(idle, now_ms), now_ms, mail)
    if idle.mailed_ms is not None:
        return Decision("watch", _not_before(idle, now_ms + _lead_ms(idle)))
    if idle.first_notice_ms is None or idle.last_notice_ms is None:
        if now_ms < idle.due_ms - _lead_ms(idle):
            return Decision("watch", idle)
        action: Action = "notify_first" if idle.first_notice_ms is None else "notify_last"
        return Decision(action, _notified(idle, now_ms, has_mail))
    out = (
        now_ms - idle.first_notice_ms >= FIRST_MS
        and now_ms - idle.last_notice_ms >= LAST_MS
        and now_ms >= idle.due_ms
    )
    return Decision("disable" if out else "watch", idle)


def begun_again(idle: Idle, now_ms: int, shift_ms: int) -> Idle:
    """With notices to be given again, due `shift_ms` later (or earlier, below zero)."""
    voided = msgspec.structs.replace(
        idle,
        due_ms=idle.due_ms + shift_ms,
        first_notice_ms=None,
        last_notice_ms=None,
        mailed_ms=None,
    )
    return _not_before(voided, now_ms + FIRST_MS)


def _seen(idle: Idle, now_ms: int) -> Idle:
    """After this round: what was not watched does not count, and a clock that was set back takes
    the end with it."""
    gap_ms = now_ms - idle.seen_ms
    seen = msgspec.structs.replace(idle, seen_ms=now_ms)
    if gap_ms > VOID_GAP_MS:
        return begun_again(seen, now_ms, gap_ms - ROUND_MS)
    if gap_ms < -GAP_MS:
        return begun_again(seen, now_ms, gap_ms)
    if gap_ms > GAP_MS:
        return _not_before(seen, idle.due_ms + gap_ms - ROUND_MS)
    return seen


def _heard(idle: Idle, now_ms: int, mail: Mail) -> Idle:
    """With what became of the mail that was on its way. Where nobody was reached it is written
    again, a day later, and nothing is disabled until somebody is."""
    if idle.mailed_ms is None or mail == "waiting":
        return idle
    if mail == "sent":
        return _out(msgspec.structs.replace(idle, mailed_ms=None), now_ms)
    if 0 <= now_ms - idle.mailed_ms < DAY_MS:
        return idle
    return _not_before(msgspec.structs.replace(idle, mailed_ms=None), now_ms + _lead_ms(idle))


def _notified(idle: Idle, now_ms: int, has_mail: bool) -> Idle:
    idle = _not_before(idle, now_ms + _lead_ms(idle))
    if has_mail:
        return msgspec.structs.replace(idle, mailed_ms=now_ms)
    return _out(idle, now_ms)


def _out(idle: Idle, now_ms: int) -> Idle:
    """The notice that was next is out, and its full time begins."""
    idle = _not_before(idle, now_ms + _lead_ms(idle))
    if idle.first_notice_ms is None:
        return msgspec.structs.replace(idle, first_notice_ms=now_ms)
    return msgspec.structs.replace(idle, last_notice_ms=now_ms)


def _lead_ms(idle: Idle) -> int:
    """How long before the end the next notice must be out."""
    return FIRST_MS if idle.first_notice_ms is None else LAST_MS


def _not_before(idle: Idle, due_ms: int) -> Idle:
    return msgspec.structs.replace(idle, due_ms=max(idle.due_ms, due_ms))
