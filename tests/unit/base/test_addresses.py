"""Which addresses may be reached, and that a refusal names the line that would allow it."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.base.addresses import METADATA, AddressGuard, AddressRefused, target_of
from crossdock.base.errors import Misconfigured, Permanent

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:db8::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700::1111",
    "64:ff9b::101:101",
    "::ffff:1.1.1.1",
]


def check(guard: AddressGuard, address: str, host: str = "hook.example", port: int = 443) -> None:
    guard.check(host, port, ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_and_the_line_to_add_is_named(address: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        check(AddressGuard(), address)
    assert refusal.value.code == "address_refused"
    line = str(refusal.value).rpartition("allowed_addresses = ")[2]
    check(AddressGuard([line.strip('[]"') if ":" in address else line[2:-2]]), address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    check(AddressGuard(), address)


def test_entries_are_hosts_networks_and_ports() -> None:
    check(AddressGuard(["10.0.0.0/8"]), "10.9.9.9")
    check(AddressGuard(["10.0.0.1:443"]), "10.0.0.1")
    check(AddressGuard(["HOOK.example"]), "10.0.0.1")
    check(AddressGuard(["hook.example:443"]), "10.0.0.1")
    check(AddressGuard(["[fd00::1]:443"]), "fd00::1")
    check(AddressGuard(["fd00::/8"]), "fd00::1")
    for entry in ("10.0.0.1:80", "hook.example:80", "other.example", "10.0.0.2", "[fd00::1]:443"):
        with pytest.raises(AddressRefused):
            check(AddressGuard([entry]), "10.0.0.1")


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
def test_metadata_needs_an_entry_of_its_own(address: str) -> None:
    network = "::/0" if ":" in address else "0.0.0.0/0"
    for guard in (
        AddressGuard(),
        AddressGuard(allow_private=True),
        AddressGuard([network, "hook.example"]),
    ):
        with pytest.raises(AddressRefused, match="metadata"):
            check(guard, address)
    check(AddressGuard([address]), address)


def test_allow_private_opens_all_private_ranges() -> None:
    for address in ("127.0.0.1", "10.0.0.1", "fd00::1", "::ffff:192.168.0.1"):
        check(AddressGuard(allow_private=True), address)


@pytest.mark.parametrize("entry", ["", "a b", "host:99999", "http://x", "10.0.0.0/99", "x:y:z"])
def test_a_malformed_entry_is_refused_at_start(entry: str) -> None:
    with pytest.raises(Misconfigured, match="allowed_addresses"):
        AddressGuard([entry])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "http://",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://%31%32%37.0.0.1/",
        "http://example.com\\@127.0.0.1/",
        "http://\u2460\u2461\u2466.0.0.1/",
        "http://exa mple.com/",
        "http://example.com:99999/",
        "http://[::1/",
        "http://[example.com]/",
        "http://a..b/",
        "//example.com/",
    ],
)
def test_urls_that_clients_read_differently_are_refused(url: str) -> None:
    with pytest.raises(Permanent) as refusal:
        target_of(url)
    assert refusal.value.code == "INVALID_SETTINGS"


def test_a_url_is_taken_apart() -> None:
    assert target_of("https://Hook.Example/a?b") == ("https", "hook.example", 443)
    assert target_of("http://u:p@10.0.0.1:8080/") == ("http", "10.0.0.1", 8080)
    assert target_of("http://[FD00::1]/") == ("http", "fd00::1", 80)


@given(st.ip_addresses())
def test_without_entries_nothing_passes_that_python_calls_not_global(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    try:
        AddressGuard().check("h", 80, address)
    except AddressRefused:
        return
    assert address.is_global or getattr(address, "ipv4_mapped", None) is not None
