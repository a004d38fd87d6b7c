"""nginx with TLS in front of a server, configured by the block that docs/tls.md shows."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.kit.waiting import eventually

DOCS = Path(__file__).parents[2] / "docs" / "tls.md"
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
AROUND = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{block}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx_in_front(folder: Path, *, host: str, port: int, behind: str) -> Iterator[None]:
    """The documented block with names, ports and paths of this machine put in."""
    if not shutil.which("nginx", path=PATH):
        pytest.skip("nginx is missing: ./dev setup installs it where it can")
    make_certificate(folder, host)
    match = re.search(r"```nginx\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert match, "docs/tls.md shows an nginx block"
    block = match[1]
    for shown, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("server_name events.example.com", f"server_name {host}"),
        ("/etc/ssl/events.example.com.", f"{folder}/cert."),
        ("http://127.0.0.1:8080", f"http://{behind}"),
    ):
        assert shown in block, f"docs/tls.md no longer says {shown!r}"
        block = block.replace(shown, here)
    config = folder / "nginx.conf"
    config.write_text(AROUND.format(folder=folder, block=block))
    command = ["nginx", "-c", str(config), "-p", str(folder), "-e", f"{folder}/error.log"]
    process = subprocess.Popen(command, env=os.environ | {"PATH": PATH})
    try:
        eventually(lambda: _listens(port), "nginx listening", 10)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def make_certificate(folder: Path, host: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "cert.key").write_bytes(private)
