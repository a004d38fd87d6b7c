"""Secrets at rest: settings marked secret are sealed before they touch disk or snapshot."""

import base64
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from crossdock.base.errors import Busy, Misconfigured

_MARK = "$sealed"

SECRET_NAME = re.compile(
    r"auth|cookie|token|secret|passw|signature|credential|session|api[-_]?key|[-_]key$|^key$|^sig$",
    re.IGNORECASE,
)
"""Headers and query members of such a name hold a secret, whoever named them."""


class _Ring(NamedTuple):
    """Keys in force: the first one seals, all of them open."""

    keys: tuple[str, ...]
    first: Fernet
    all: MultiFernet


class SecretBox:
    """Seals strings as `{"$sealed": "..."}` and opens them again (Fernet: AES-128-CBC, HMAC)."""

    def __init__(self, key: str, file: Path | None = None) -> None:
        """`key` is 32 bytes in URL-safe base64, or several of them, separated by commas or line
        ends. A `file` is read in its place, and again when it was rotated: before sealing, and
        where opening fails. Raises Misconfigured where a key is malformed."""
        self._file = file
        self._stamp = _stamp_of(file)  # before the content: what changes after it is read again
        self._ring = _ring_of(keys_of(key if self._stamp is None else _text_of(file)))

    @property
    def has_file(self) -> bool:
        """Whether the keys stand in a file of ours, not in a setting."""
        return self._file is not None

    def seal(self, secret: str) -> dict[str, str]:
        if self._file is not None and _stamp_of(self._file) != self._stamp:
            self.refresh()
        return {_MARK: self._ring.first.encrypt(secret.encode()).decode()}

    def open(self, value: Any) -> Any:
        """A sealed value's text; a map with its values opened; any other value as it is. Raises
        Misconfigured on a wrong key."""
        if not is_sealed(value):
            return self.open_all(value) if isinstance(value, dict) else value
        ring, token = self._ring, str(value[_MARK]).encode()
        try:
            return ring.all.decrypt(token).decode()
        except InvalidToken as error:
            self.refresh()
            if self._ring is not ring:
                return self.open(value)
            raise Misconfigured(
                "a secret cannot be opened: secret_key is not the one it was sealed with"
            ) from error

    def open_all(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {name: self.open(value) for name, value in settings.items()}

    def resealed(self, value: Any) -> Any:
        """`value` with what older keys sealed in it sealed by the first one; what no key opens
        stays as it is. The same object where nothing is to be done."""
        if is_sealed(value):
            return self._resealed(value)
        if not isinstance(value, dict):
            return value
        after = {name: self.resealed(inner) for name, inner in value.items()}
        return after if any(after[name] is not value[name] for name in value) else value

    def _resealed(self, value: dict[str, str]) -> dict[str, str]:
        ring, token = self._ring, str(value[_MARK]).encode()
        try:
            ring.first.decrypt(token)
        except InvalidToken:
            try:
                return {_MARK: ring.first.encrypt(ring.all.decrypt(token)).decode()}
            except InvalidToken:
                return value
        return value

    def opens(self, value: Any) -> bool:
        """Whether every secret in `value` can be opened."""
        try:
            self.open(value)
        except Misconfigured:
            return False
        return True

    def refresh(self) -> None:
        """Take over the keys of the file, where it changed. Older ones open on, as an old snapshot
        may still be about."""
        stamp = _stamp_of(self._file)
        if stamp is None or stamp == self._stamp:
            return
        found = keys_of(_text_of(self._file))
        self._ring = _ring_of((*found, *(k for k in self._ring.keys if k not in found)))
        self._stamp = stamp


def keys_of(text: str) -> tuple[str, ...]:
    """Keys that stand in a setting (with commas between them) or a file (one a line)."""
    return tuple(key for key in text.replace(",", "\n").split() if key)


def _ring_of(keys: tuple[str, ...]) -> _Ring:
    try:
        fernets = [Fernet(key.encode()) for key in keys]
        return _Ring(keys, fernets[0], MultiFernet(fernets))
    except (ValueError, IndexError) as error:
        raise Misconfigured(
            "setting secret_key (or the file secret.key) is not 32 bytes in URL-safe base64"
        ) from error


def _stamp_of(file: Path | None) -> tuple[int, int, int] | None:
    try:
        stat = file.stat() if file is not None else None
    except FileNotFoundError:
        return None
    return (stat.st_ino, stat.st_mtime_ns, stat.st_size) if stat is not None else None


def _text_of(file: Path | None) -> str:
    return file.read_text() if file is not None else ""


def secrets_of(configured: str, key_file: Path) -> SecretBox:
    """By the setting `secret_key`, else by the key file, which is made where it is missing."""
    if configured:
        return SecretBox(configured)
    return SecretBox(load_or_make_key(key_file), key_file)


@contextmanager
def keys_held(lock: Path, *, alone: bool) -> Iterator[None]:
    """While the key file stays as it is (`alone`: but for us). One rotation at a time, and none
    while data and key are copied.

    Raises Busy where somebody else is at it.
    """
    fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Busy("a backup is made or the key is rotated: try again later", 60) from None
    finally:
        os.close(fd)


def is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {_MARK}


def new_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def load_or_make_key(path: Path) -> str:
    """The key file's content; made with mode 0600 where it is missing."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            key = new_key()
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
        return key
