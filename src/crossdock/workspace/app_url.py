"""The app's own address, as links, cookies and forms use it."""

from urllib.parse import urlsplit

from crossdock.base.settings import Settings


def app_url_of(settings: Settings) -> str:
    """No slash at its end. `app_url`, else the app port as people on this machine open it."""
    if settings.app_url:
        return settings.app_url.rstrip("/")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.app_host, settings.app_host)  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{settings.app_port}"


def origin_of(url: str) -> str:
    """`https://Host:443/path` -> `https://host`, as browsers write the origin of a page."""
    parts = urlsplit(url)
    host, port = (parts.hostname or "").lower(), parts.port
    host = f"[{host}]" if ":" in host else host
    is_default = port in (None, {"http": 80, "https": 443}.get(parts.scheme))
    return f"{parts.scheme}://{host}" if is_default else f"{parts.scheme}://{host}:{port}"
