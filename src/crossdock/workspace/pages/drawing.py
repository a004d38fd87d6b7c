"""A page from a template, under headers that let it load nothing but its own style sheet."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.datastructures import Cookie

from crossdock.workspace.people.passwords import PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN

FOLDER: Final = Path(__file__).parent
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # not no-referrer, under which forms tell no Origin
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NEXT_CHARS_MAX: Final = 500
HOME: Final = "/account"


def drawn(
    template: str,
    /,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    cookies: list[Cookie] | None = None,
    **context: Any,
) -> Response[str]:
    """`templates/TEMPLATE.html` with `context`, everything in it escaped."""
    text = _templates().get_template(f"{template}.html").render({"error": None} | context)
    return Response(
        text,
        media_type=MediaType.HTML,
        status_code=status,
        headers=HEADERS | (headers or {}),
        cookies=cookies or [],
    )


def moved(path: str, cookies: list[Cookie] | None = None) -> Response[str]:
    """The way on after a form: the browser asks for `path` with GET."""
    return Response(
        "", status_code=303, headers={"Location": path, **HEADERS}, cookies=cookies or []
    )


def own_path(path: str) -> str:
    """Where to go after sign-in: `path` if it is one of ours, else the account."""
    is_ours = path.startswith("/") and not path.startswith("//") and path.isprintable()
    if not is_ours or "\\" in path or not path.isascii() or len(path) > NEXT_CHARS_MAX:
        return HOME
    return path


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"chars_min": PASSWORD_CHARS_MIN, "chars_max": PASSWORD_CHARS_MAX}
    return made
