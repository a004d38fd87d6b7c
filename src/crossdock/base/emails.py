"""Which texts are e-mail addresses to us: plain ASCII without quotes, which every mail server takes
and no header can be broken with."""

import re
from typing import Final

EMAIL_CHARS_MAX: Final = 254
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@{_LABEL}(\.{_LABEL})*")


def is_email(text: str) -> bool:
    return len(text) <= EMAIL_CHARS_MAX and _EMAIL.fullmatch(text) is not None
