"""The operations, a file a resource. `OPERATIONS` is all of them."""

from crossdock.workspace.api.routes import (
    audit,
    catalog,
    labels,
    overview,
    source_sending,
    sources,
    testing,
    volume,
)

OPERATIONS = (
    *audit.OPERATIONS,
    *catalog.OPERATIONS,
    *labels.OPERATIONS,
    *overview.OPERATIONS,
    *source_sending.OPERATIONS,
    *sources.OPERATIONS,
    *testing.OPERATIONS,
    *volume.OPERATIONS,
)
