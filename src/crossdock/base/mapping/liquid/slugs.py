"""The filter `slugify`: a text as part of an address."""

import re
import unicodedata
from typing import Any, Final

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping.liquid.values import SPACES, text

_ENDS: Final = re.compile("^-|-$")
_RAW: Final = re.compile(f"[{SPACES}]+")
_ASCII: Final = re.compile("[^A-Za-z0-9]+")
_KEPT: Final = ("L", "M")
_PRETTY: Final = frozenset("._~!$&'()+,;=@")
_LATIN: Final = {
    "a": "àáâãäå",
    "ae": "æ",
    "c": "ç",
    "e": "èéêë",
    "i": "ìíîï",
    "d": "ð",
    "n": "ñ",
    "o": "òóôõöø",
    "u": "ùúûü",
    "y": "ýÿ",
    "ss": "ß",
    "oe": "œ",
    "th": "þ",
    "SS": "ẞ",
    "OE": "Œ",
    "TH": "Þ",
}
_TO_LATIN: Final = str.maketrans({char: to for to, chars in _LATIN.items() for char in chars})


def slugify(value: Any, mode: Any = "default", cased: Any = False) -> str:
    source = text(value)
    if mode == "latin":
        source = source.translate(_TO_LATIN)
    if mode == "raw":
        source = _ENDS.sub("", _RAW.sub("-", source))
    elif mode == "ascii":
        source = _ENDS.sub("", _ASCII.sub("-", source))
    elif mode in ("default", "latin", "pretty"):
        source = _ENDS.sub("", _dashed(source, _PRETTY if mode == "pretty" else frozenset()))
    return source if js.is_true(cased) else source.lower()


def _dashed(source: str, also: frozenset[str]) -> str:
    """A dash for each run of characters that are neither letters, marks nor decimal digits."""
    kept: list[str] = []
    for char in source:
        category = unicodedata.category(char)
        if category[0] in _KEPT or category == "Nd" or char in also:
            kept.append(char)
        elif not kept or kept[-1] is not _DASH:
            kept.append(_DASH)
    return "".join(kept)


_DASH: Final = "-"
