"""Alembic's scripts for the state database, packaged in the wheel; `state.migrate` runs them."""
