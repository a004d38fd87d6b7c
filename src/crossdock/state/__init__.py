"""The state database: engine, tables, migrations, cursors and counts of the data path."""
