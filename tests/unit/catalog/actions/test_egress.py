"""What the side process may connect to: the rules of base/addresses, whatever the spelling."""

import ipaddress
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from tests.kit.actions import Bench, bench, track

from crossdock.base.addresses import AddressGuard, AddressRefused
from crossdock.base.settings import Settings
from crossdock.catalog.actions.launch import VENDOR_KEYS, Launch

SIDECAR = Path(__file__).parents[4] / "sidecar" / "src"


@pytest.fixture(scope="module")
def actions() -> Iterator[Bench]:
    """127.0.0.1 at the recorder's port is allowed, nothing else that is private."""
    with bench() as made:
        yield made


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "0.0.0.0",
        "100.64.0.1",
        "192.168.1.1",
    ],
)
def test_a_private_address_is_refused_in_every_spelling(actions: Bench, host: str) -> None:
    """The port is another than the recorder's, which alone is allowed."""
    actions.fresh()
    (answer,) = actions.hooked(track(), mapping={"url": f"http://{host}:9/"}, deadline_s=2)
    assert (answer.class_, answer.code) == ("retry", "address_refused"), answer
    assert "allowed_addresses" in answer.message


def test_a_redirect_is_judged_by_where_it_leads(actions: Bench) -> None:
    async def away(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data/")

    actions.fresh(away)
    (answer,) = actions.hooked(track())
    assert (answer.class_, answer.code) == ("retry", "address_refused")
    assert "metadata" in answer.message


def test_what_the_operator_allowed_is_reached(actions: Bench) -> None:
    actions.fresh()
    url = f"http://127.0.0.1:{actions.recorder.port}/here"
    (answer,) = actions.hooked(track(), mapping={"url": url})
    assert answer.class_ == "delivered"


ALLOWED = ["10.1.0.0/16", "192.168.7.7:8443", "db.internal", "[fd00::5]:443", "169.254.169.254:80"]


LISTED = """
0.0.0.0 8.8.8.8 10.0.0.1 10.1.2.3 100.64.0.1 100.63.255.255 127.0.0.1 169.254.1.1 169.254.169.254
168.63.129.16 172.15.255.255 172.16.0.1 172.32.0.1 192.0.2.1 192.168.7.7 198.18.0.1 198.51.100.1
203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 100.100.100.200 :: ::1 ::ffff:10.0.0.1
::ffff:8.8.8.8 64:ff9b::a00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:db8::1
2606:4700::1111 fc00::1 fd00::5 fd00:ec2::254 fe80::1 ff02::1
"""


def addresses() -> list[str]:
    """Corners of all known networks, and others at random."""
    chance = random.Random(7)
    listed = LISTED.split()
    listed += [str(ipaddress.IPv4Address(chance.getrandbits(32))) for _ in range(1500)]
    listed += [
        str(ipaddress.IPv6Address((0x2000 << 112) | chance.getrandbits(125))) for _ in range(300)
    ]
    listed += [str(ipaddress.IPv6Address(chance.getrandbits(128))) for _ in range(300)]
    return listed


def test_both_guards_give_the_same_answers() -> None:
    """The side process's guard says what base/addresses says, of each address, host and port."""
    questions = [
        (host, port, address)
        for address in addresses()
        for host, port in (
            ("db.internal", 5432),
            ("x.example", 443),
            (address, 8443),
            (address, 80),
        )
    ]
    asking = f"""
        import {{ AddressGuard }} from {json.dumps((SIDECAR / "addresses.js").as_uri())}
        import fs from 'node:fs'
        const {{ guards, questions }} = JSON.parse(fs.readFileSync(0, 'utf8'))
        const answers = guards.map(([allowed, all]) => {{
          const guard = new AddressGuard(allowed, all)
          return questions.map((question) => guard.refusal(...question) === null)
        }})
        process.stdout.write(JSON.stringify(answers))
    """
    guards = [([], False), (ALLOWED, False), (ALLOWED, True)]
    node = Launch.of(Settings(), environ={}).node
    done = subprocess.run(
        [node, "--input-type=module", "-e", asking],
        input=json.dumps({"guards": guards, "questions": questions}),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    for (allowed, everything), answers in zip(guards, json.loads(done.stdout), strict=True):
        guard = AddressGuard(allowed, allow_private=everything)
        for question, theirs in zip(questions, answers, strict=True):
            assert theirs == allows(guard, *question) or stricter(question[2], theirs), question


def allows(guard: AddressGuard, host: str, port: int, address: str) -> bool:
    try:
        guard.check(host, port, ipaddress.ip_address(address))
    except AddressRefused:
        return False
    return True


def stricter(text: str, allowed: bool) -> bool:
    """Ranges that Pythons of some ages call public; the side process never does."""
    late = ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20", "fec0::/10")
    address = ipaddress.ip_address(text)
    return not allowed and any(address in ipaddress.ip_network(network) for network in late)


def test_nothing_of_our_environment_is_seen_there() -> None:
    """Only certificates and the vendors' own keys are passed on."""
    secret = {"CROSSDOCK_SECRET_KEY": "k", "PGPASSWORD": "p", "AWS_SECRET_ACCESS_KEY": "a"}
    passed = {VENDOR_KEYS[0]: "v", "NODE_EXTRA_CA_CERTS": "/etc/ca.pem"}
    environment = Launch.of(Settings(), environ=secret | passed).environment(3)
    assert passed.items() <= environment.items()
    own = {"NODE_ENV", "TZ", "LANG", "CROSSDOCK_SIDECAR"}
    assert environment.keys() == passed.keys() | own
