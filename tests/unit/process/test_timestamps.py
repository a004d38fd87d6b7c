"""Timestamps as clients write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.base.clock import iso_ms
from crossdock.process.timestamps import canonical


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-23T12:06:26.673Z", "2026-11-23T12:06:26.673Z"),
        ("2026-11-23T12:06:26.673123+00:00", "2026-11-23T12:06:26.673Z"),
        ("2026-11-23T12:06:26+00:00", "2026-11-23T12:06:26.000Z"),
        ("2026-11-23T12:06:26.673123999Z", "2026-11-23T12:06:26.673Z"),
        ("2026-11-23T12:06:26.6731239Z", "2026-11-23T12:06:26.673Z"),
        ("2026-11-23T17:36:26.673+0530", "2026-11-23T12:06:26.673Z"),
        ("2026-11-23T17:36:26+05:30", "2026-11-23T12:06:26.000Z"),
        ("2026-11-23T04:06:26-08", "2026-11-23T12:06:26.000Z"),
        ("2026-11-23T12:06:26Z", "2026-11-23T12:06:26.000Z"),
        ("2026-11-23T12:06Z", "2026-11-23T12:06:00.000Z"),
        ("2026-11-23 12:06:26.6", "2026-11-23T12:06:26.600Z"),
        ("2026-11-23 12:06:26,673Z", "2026-11-23T12:06:26.673Z"),
        ("2026-11-23", "2026-11-23T00:00:00.000Z"),
        ("2016-12-31T23:59:60.250Z", "2016-12-31T23:59:59.250Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_iso_shapes_are_understood(text: str, same: str) -> None:
    """Six shapes that SDKs send, and their neighbours. Asked twice: the second hits the cache."""
    for _ in range(2):
        found = canonical(text)
        assert found is not None
        assert found[1] == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00.000Z",
        "2026-11-23T25:00:00Z",
        "1899-12-31T23:59:59Z",
        "0001-01-01T00:00:00.000Z",
        "10000-01-01T00:00:00Z",
        "2026-11-23T12:06:26.673Z ",
        "２０２６-11-23T12:06:26.673Z",
        "2026-11-23T12:06:26.６７３Z",
        "2026-11-23T12:06:26." + "1" * 100 + "Z",
        "2026-11-23T12:06:26.+73Z",
        1_795_435_586_673,
        1.5,
        None,
        True,
        ["2026-11-23"],
    ],
)
def test_what_is_no_date_is_none(text: object) -> None:
    canonical("2026-11-23T12:06:26.673Z")
    assert canonical(text) is None


@given(st.integers(-2_208_988_800_000, 253_402_300_799_999))
def test_what_we_write_we_read(ms: int) -> None:
    assert canonical(iso_ms(ms)) == (ms, iso_ms(ms))


FIRST = datetime.fromisoformat("1900-01-02")
LAST = datetime.fromisoformat("9999-12-30")


@given(st.datetimes(FIRST, LAST), st.timezones())
def test_it_agrees_with_python(moment: datetime, zone: object) -> None:
    aware = moment.replace(tzinfo=zone)
    text = aware.isoformat()
    if text[-6] in "+-" and ":" in text[-6:]:
        found = canonical(text)
        assert found is not None
        exact = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution * 1000)
        assert found[0] == exact
