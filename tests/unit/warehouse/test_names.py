"""Names: Segment's snake case letter for letter, and identifiers that engines accept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.warehouse.capabilities import DUCKDB, POSTGRES
from crossdock.warehouse.names import (
    STANDARD_TABLES,
    column_name,
    identifier,
    slug_of_event,
    snake,
    table_of_event,
)

VECTORS = {
    "sampleText": "sample_text",
    "samPLE text": "sam_ple_text",
    "sample 2 Text": "sample_2_text",
    "sample___text": "sample_text",
    "___$$Base64Encode": "base64_encode",
    "$something%": "something",
    "5TEst": "5test",
    "2FA Enabled": "2fa_enabled",
    "Enabled 2FA": "enabled_2fa",
    "THE5r": "the5r",
    "edf_6N": "edf_6n",
    "f_pX9": "f_p_x9",
    "lk0B@bFmjrLQ_Z6YL": "lk0_b_b_fmjr_lq_z6yl",
    "inviteYourCustomersAddInvites": "invite_your_customers_add_invites",
    "•¶§ƒ˚foo˙∆˚¬": "foo",
    "CStringRef": "cstring_ref",
    "HTTPResponse": "httpresponse",
    "iOSVersion": "i_osversion",
    "userID": "user_id",
    "FOO:BAR$BAZ": "foo_bar_baz",
    "Über Ride": "ber_ride",
    "Signed Up": "signed_up",
    "context_app_version": "context_app_version",
    "_leading": "leading",
    "trailing_": "trailing",
    "😀": "",
    "": "",
}


@pytest.mark.parametrize(("name", "expected"), VECTORS.items())
def test_snake_case_is_segments(name: str, expected: str) -> None:
    assert snake(name) == expected


def _byte_wise(name: str) -> str:
    """The published algorithm, byte by byte, as slow as it stands."""
    data = name.encode(errors="surrogatepass")
    lower, upper, digit = (set(range(*map(ord, r))) | {ord(r[1])} for r in ("az", "AZ", "09"))
    at, seen_lower, seen_underscore, lower_since = 0, False, False, False
    while at < len(data):
        byte = data[at]
        if byte in lower:
            seen_lower = lower_since = True
        elif byte == 95 and 0 < at < len(data) - 1 and data[at + 1] in lower | digit:
            seen_underscore, lower_since = True, False
        elif byte not in digit:
            break
        at += 1
    else:
        return data.decode()
    out = data[:at].decode()

    def run() -> str:
        nonlocal at
        start = at
        while at < len(data) and data[at] in upper | digit:
            at += 1
        while at < len(data) and data[at] in lower | digit:
            at += 1
        return data[start:at].decode().lower()

    if data[at] in upper and (not seen_lower or (seen_underscore and not lower_since)):
        out += run()
    while at < len(data):
        if data[at] not in upper | lower | digit:
            at += 1
            continue
        word = run()
        out = f"{out}_{word}" if out else word
    return out


@given(st.text(alphabet="abzAZ019_ -$éß😀", max_size=24))
def test_snake_case_equals_the_algorithm_byte_by_byte(name: str) -> None:
    assert snake(name) == _byte_wise(name)


@given(st.text(max_size=40))
def test_snake_case_never_begins_with_an_underscore(name: str) -> None:
    """So that `_` in front is free to set names apart."""
    assert not snake(name).startswith("_")


def test_an_event_never_takes_a_standard_table() -> None:
    for table in STANDARD_TABLES:
        assert table_of_event(table.title()) == f"_{table}"
    assert table_of_event("Signed Up") == "signed_up"


def test_a_name_of_which_nothing_is_left_is_an_underscore() -> None:
    assert (slug_of_event("😀"), table_of_event("😀"), column_name("😀")) == ("_", "_", "_")


def test_digits_and_reserved_words_get_an_underscore() -> None:
    assert identifier("2fa", DUCKDB) == "_2fa"
    assert identifier("ctid", POSTGRES) == "_ctid"
    assert identifier("order", POSTGRES) == "order"


@given(st.text(alphabet="abcé", min_size=1, max_size=400))
def test_identifiers_fit_and_keep_their_beginning(name: str) -> None:
    cut = identifier(name, POSTGRES)
    assert len(cut.encode()) <= 63
    assert cut == name or (name.startswith(cut[:-9]) and cut[-9] == "_")


def test_names_that_differ_only_at_the_end_stay_apart() -> None:
    stem = "x" * 80
    assert identifier(stem + "a", POSTGRES) != identifier(stem + "b", POSTGRES)
    assert identifier(stem + "a", POSTGRES) == identifier(stem + "a", POSTGRES)
