"""The session's PostgreSQL for the state's tests."""

from tests.kit.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]
