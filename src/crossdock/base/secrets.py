"""Secrets at rest: settings marked secret are sealed before they touch disk or snapshot."""

import base64
import os
import re
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from crossdock.base.errors import Misconfigured

_MARK = "$sealed"

SECRET_NAME = re.compile(
    r"auth|cookie|token|secret|passw|signature|credential|session|api[-_]?key|[-_]key$|^key$|^sig$",
    re.IGNORECASE,
)
"""Headers and query members of such a name hold a secret, whoever named them."""


class SecretBox:
    """Seals strings as `{"$sealed": "..."}` and opens them again (Fernet: AES-128-CBC, HMAC)."""

    def __init__(self, key: str) -> None:
        """`key` is 32 bytes in URL-safe base64. Raises Misconfigured where it is not."""
        try:
            self._fernet = Fernet(key.encode())
        except ValueError as error:
            raise Misconfigured(
                "setting secret_key (or the file secret.key) is not 32 bytes in URL-safe base64"
            ) from error

    def seal(self, secret: str) -> dict[str, str]:
        return {_MARK: self._fernet.encrypt(secret.encode()).decode()}

    def open(self, value: Any) -> Any:
        """A sealed value's text; a map with its values opened; any other value as it is. Raises
        Misconfigured on a wrong key."""
        if not is_sealed(value):
            return self.open_all(value) if isinstance(value, dict) else value
        try:
            return self._fernet.decrypt(value[_MARK].encode()).decode()
        except InvalidToken as error:
            raise Misconfigured(
                "a secret cannot be opened: secret_key is not the one it was sealed with"
            ) from error

    def open_all(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {name: self.open(value) for name, value in settings.items()}


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
