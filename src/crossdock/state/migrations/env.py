"""Run by Alembic, on the connection that `state.migrate` hands over."""

from alembic import context

from crossdock.state.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    transaction_per_migration=False,
    transactional_ddl=True,
    compare_type=True,
)
context.run_migrations()
