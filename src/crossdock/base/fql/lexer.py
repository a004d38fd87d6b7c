"""FQL text to tokens, each with its place."""

import re
from typing import Final, NamedTuple

from crossdock.base.fql.checks import SOURCE_BYTES_MAX
from crossdock.base.fql.errors import FqlError, Place

NUMBER_CHARS_MAX: Final = 64

NAME: Final = "name"
WORD: Final = "word"
STRING: Final = "string"
NUMBER: Final = "number"
SIGN: Final = "sign"
END: Final = "end"

# `in` is a word of the language only between two values, so it isn't one of these.
WORDS: Final = frozenset({"and", "or", "true", "false", "null"})

_DIGITS: Final = "0123456789+-"
_BLANK: Final = re.compile(r"[ \t\r\n]+")
_NAME: Final = re.compile(r"(?:[A-Za-z0-9_-]|\\(?s:.))+")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_STRING: Final = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_SIGN: Final = re.compile(r"!=|<=|>=|[=<>!.,()\[\]]")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


class Token(NamedTuple):
    """`text` is the meaning (unquoted, unescaped), `written` what the person typed."""

    kind: str
    text: str
    written: str
    at: int


def tokens(source: str) -> list[Token]:
    """FqlError at the first character that begins nothing; the last token is END."""
    size = len(source.encode("utf-8", "surrogatepass"))
    if size > SOURCE_BYTES_MAX:
        raise FqlError(f"at most {SOURCE_BYTES_MAX} bytes of FQL", f"{size} bytes")
    found: list[Token] = []
    at = 0
    while True:
        if blank := _BLANK.match(source, at):
            at = blank.end()
        if at == len(source):
            found.append(Token(END, "", "the end", at))
            return found
        # A name of its own may be a dot (`\\.`): only the sign joins.
        dot = bool(found) and found[-1].kind == SIGN and found[-1].text == "."
        token = _token(source, at, after_dot=dot)
        found.append(token)
        at += len(token.written)


def place(source: str, at: int) -> Place:
    """Lines end with a line feed; a carriage return before it is the last column of its line."""
    before = source[:at]
    return Place(before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1)


def _token(source: str, at: int, *, after_dot: bool) -> Token:
    char = source[at]
    # After a dot everything that can be a name is one: `properties.2nd`, `properties.or`.
    if char.isascii() and (char.isalpha() or char in "_\\" or (after_dot and char in _DIGITS)):
        return _name(source, at, after_dot=after_dot)
    if char in "'\"":
        return _string(source, at)
    if char in _DIGITS:
        return _number(source, at)
    if sign := _SIGN.match(source, at):
        return Token(SIGN, sign[0], sign[0], at)
    raise FqlError("a value or an operator", _unknown(char), place(source, at))


def _name(source: str, at: int, *, after_dot: bool) -> Token:
    found = _NAME.match(source, at)
    if found is None:
        got = "the end" if source[at] == "\\" else f"'{source[at]}'"
        raise FqlError("a name", got, place(source, at))
    written = found[0]
    end = found.end()
    if end < len(source) and (source[end] == "\\" or not source[end].isascii()):
        got = "the end" if source[end] == "\\" else f"'{source[end]}' (write '\\{source[end]}')"
        raise FqlError("a letter, digit, _, - or an escaped character", got, place(source, end))
    kind = WORD if written in WORDS and not after_dot else NAME
    return Token(kind, _ESCAPE.sub(r"\1", written), written, at)


def _string(source: str, at: int) -> Token:
    found = _STRING.match(source, at)
    if found is None:
        raise FqlError(f"a closing {source[at]} for this string", "the end", place(source, at))
    return Token(STRING, found[0][1:-1], found[0], at)


def _number(source: str, at: int) -> Token:
    found = _NUMBER.match(source, at)
    end = found.end() if found else at + 1
    after = source[end : end + 1]
    if found is None or (after == "." and "." not in found[0]):
        digit = end + (after == ".")
        raise FqlError("a digit", _next(source, digit), place(source, digit))
    if after.isalnum() or after in (".", "_", "-", "\\"):
        raise FqlError("the end of this number", f"'{after}'", place(source, end))
    if end - at > NUMBER_CHARS_MAX:
        raise FqlError(
            f"a number of at most {NUMBER_CHARS_MAX} characters", "a longer one", place(source, at)
        )
    return Token(NUMBER, found[0], found[0], at)


def _next(source: str, at: int) -> str:
    return f"'{source[at]}'" if at < len(source) else "the end"


def _unknown(char: str) -> str:
    if char in "&|":
        return f"'{char}' (write 'and', 'or')"
    return f"'{char}'" if char.isprintable() else repr(char)
