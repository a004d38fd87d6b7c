"""The promises about disabling idle sources, held against any order of what can happen."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from crossdock.workspace.idle.deciding import (
    DAY_MS,
    FIRST_MS,
    GAP_MS,
    HOUR_MS,
    LAST_MS,
    Action,
    Decision,
    Idle,
    Mail,
    decide,
)

START_MS = 1_790_000_000_000
DAYS = 14


class Source:
    """One source over time, with hourly rounds. `outs` is what people were really told and when."""

    def __init__(self, days: int = DAYS, *, has_mail: bool = True) -> None:
        self.days = days
        self.has_mail = has_mail
        self.now_ms = START_MS
        self.idle: Idle | None = None
        self.is_idle = True
        self.mail: Mail = "lost"
        self.mailed: Action = "leave"
        self.named_ms = 0
        self.outs: dict[Action, int] = {}
        self.watched_ms = 0
        self.disabled = False

    def round(self, after_ms: int = HOUR_MS) -> Decision:
        self.now_ms += after_ms
        # A late round says that Crossdock ran just before it: an hour.
        self.watched_ms += max(0, after_ms if after_ms <= GAP_MS else HOUR_MS)
        done = decide(
            self.now_ms,
            days=self.days,
            is_idle=self.is_idle,
            idle=self.idle,
            mail=self.mail,
            has_mail=self.has_mail,
        )
        if self.idle is None:
            self.begin()
        self.idle = done.idle
        if done.action in ("notify_first", "notify_last"):
            assert done.idle is not None
            self.named_ms = done.idle.due_ms
            self.outs.pop(done.action, None)
            if done.action == "notify_first":
                self.outs.pop("notify_last", None)
            if self.has_mail:
                self.mailed, self.mail = done.action, "waiting"
            else:
                self.outs[done.action] = self.now_ms
        if done.action == "disable":
            self.disabled = True
        return done

    def begin(self) -> None:
        self.outs, self.watched_ms, self.named_ms, self.mail = {}, 0, 0, "lost"

    def settle(self, mail: Mail) -> None:
        self.mail = mail
        if mail == "sent":
            self.outs[self.mailed] = self.now_ms

    def run(self, days: int) -> None:
        """Rounds every hour with mail that goes out at once."""
        for _ in range(days * 24):
            if self.disabled:
                return
            self.round()
            if self.mail == "waiting":
                self.settle("sent")


class Promises(RuleBasedStateMachine):
    """What is promised whatever happens, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.source = Source()
        self.kept: tuple[Idle | None, dict[Action, int], int] | None = None

    @rule(hours=st.integers(1, 72))
    @precondition(lambda self: not self.source.disabled)
    def time_passes(self, hours: int) -> None:
        for _ in range(hours):
            if not self.source.disabled:
                self._round(HOUR_MS)

    @rule(days=st.integers(1, 12))
    @precondition(lambda self: not self.source.disabled)
    def time_passes_and_mail_goes_out(self, days: int) -> None:
        for _ in range(days * 24):
            if not self.source.disabled:
                self._round(HOUR_MS)
            if self.source.mail == "waiting":
                self.source.settle("sent")

    @rule(hours=st.integers(3, 24 * 60))
    @precondition(lambda self: not self.source.disabled)
    def crossdock_is_down(self, hours: int) -> None:
        self._round(hours * HOUR_MS)

    @rule(minutes=st.integers(1, 60 * 24 * 30))
    @precondition(lambda self: not self.source.disabled)
    def the_clock_is_set_back(self, minutes: int) -> None:
        back_ms = minutes * 60_000
        self.source.outs = {a: at - back_ms for a, at in self.source.outs.items()}
        self.source.named_ms -= back_ms
        self._round(-back_ms)

    @rule(mail=st.sampled_from(["sent", "lost"]))
    @precondition(lambda self: self.source.mail == "waiting")
    def mail_comes_to_an_end(self, mail: Mail) -> None:
        self.source.settle(mail)

    @rule()
    def something_is_connected_for_a_while(self) -> None:
        self.source.is_idle = False
        self._round(HOUR_MS)
        assert self.source.idle is None
        self.source.is_idle = True

    @rule()
    @precondition(lambda self: self.source.disabled)
    def somebody_enables_it_again(self) -> None:
        self.source.disabled = False
        self.source.idle = None

    @rule()
    @precondition(lambda self: not self.source.disabled)
    def a_backup_is_taken(self) -> None:
        source = self.source
        self.kept = (source.idle, dict(source.outs), source.watched_ms)

    @rule(days=st.integers(2, 60))
    @precondition(lambda self: self.kept is not None and not self.source.disabled)
    def the_backup_is_restored(self, days: int) -> None:
        assert self.kept is not None
        self.source.idle, self.source.outs, self.source.watched_ms = (
            self.kept[0],
            dict(self.kept[1]),
            self.kept[2],
        )
        self.source.mail = "lost"
        self._round(days * DAY_MS)

    @invariant()
    def a_count_names_no_day_in_less_than_its_notices_need(self) -> None:
        idle = self.source.idle
        if idle is not None and idle.first_notice_ms is None:
            assert idle.due_ms - idle.seen_ms >= FIRST_MS
        elif idle is not None and idle.last_notice_ms is None:
            assert idle.due_ms - idle.seen_ms >= LAST_MS

    def _round(self, after_ms: int) -> None:
        source = self.source
        done = source.round(after_ms)
        if done.action != "disable":
            return
        assert source.is_idle
        assert source.now_ms - source.outs["notify_first"] >= FIRST_MS
        assert source.now_ms - source.outs["notify_last"] >= LAST_MS
        assert source.outs["notify_first"] < source.outs["notify_last"]
        assert source.now_ms >= source.named_ms
        assert source.watched_ms >= DAYS * DAY_MS - GAP_MS


TestPromises = Promises.TestCase
TestPromises.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("has_mail", [True, False])
def test_an_idle_source_is_disabled_after_its_days_and_both_notices(has_mail: bool) -> None:
    source = Source(has_mail=has_mail)
    source.run(20)
    assert source.disabled
    passed = source.now_ms - START_MS
    assert DAYS * DAY_MS <= passed <= DAYS * DAY_MS + 4 * HOUR_MS
    first, last = source.outs["notify_first"], source.outs["notify_last"]
    assert (source.now_ms - first) // DAY_MS == 7
    assert (source.now_ms - last) // DAY_MS == 1


def test_few_days_still_leave_seven_after_the_first_notice() -> None:
    source = Source(days=1)
    source.run(20)
    assert 7 * DAY_MS <= source.now_ms - START_MS <= 7 * DAY_MS + 4 * HOUR_MS


def test_no_days_mean_never() -> None:
    source = Source(days=0)
    source.run(60)
    assert not source.disabled
    assert source.idle is None


def test_where_mail_reaches_nobody_it_is_written_again_each_day_and_nothing_is_disabled() -> None:
    source = Source()
    written = 0
    for _ in range(60 * 24):
        written += source.round().action == "notify_first"
        if source.mail == "waiting":
            source.settle("lost")
    assert not source.disabled
    assert 50 <= written <= 54


def test_mail_that_waits_holds_the_end_off() -> None:
    source = Source()
    for _ in range(40 * 24):
        source.round()
    assert source.mail == "waiting"
    assert source.idle is not None
    assert source.idle.due_ms - source.now_ms == FIRST_MS


def test_an_hour_of_downtime_more_than_a_round_is_made_up_for() -> None:
    source = Source()
    source.run(2)
    assert source.idle is not None
    due_ms = source.idle.due_ms
    source.round(10 * HOUR_MS)
    assert source.idle.due_ms == due_ms + 9 * HOUR_MS


def test_downtime_between_the_last_notice_and_the_end_puts_the_end_off() -> None:
    source = Source()
    source.run(13)
    while "notify_last" not in source.outs:
        source.round()
        source.settle("sent" if source.mail == "waiting" else source.mail)
    source.round()
    assert source.idle is not None
    due_ms = source.idle.due_ms
    source.round(20 * HOUR_MS)
    while not source.disabled:
        source.round()
    assert source.now_ms >= due_ms + 19 * HOUR_MS


def test_after_days_of_downtime_both_notices_are_given_again() -> None:
    source = Source()
    source.run(13)
    assert source.idle is not None
    assert source.idle.first_notice_ms is not None
    source.round(5 * DAY_MS)
    assert source.idle.first_notice_ms is None
    assert source.idle.due_ms - source.now_ms >= FIRST_MS
    source.run(20)
    assert source.disabled
    assert source.now_ms - START_MS >= (DAYS + 5) * DAY_MS
