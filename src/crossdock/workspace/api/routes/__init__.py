"""The operations, a file a resource. `OPERATIONS` is all of them."""

from crossdock.workspace.api.routes import (
    audit,
    catalog,
    labels,
    source_sending,
    sources,
    testing,
)

OPERATIONS = (
    *audit.OPERATIONS,
    *catalog.OPERATIONS,
    *labels.OPERATIONS,
    *source_sending.OPERATIONS,
    *sources.OPERATIONS,
    *testing.OPERATIONS,
)
