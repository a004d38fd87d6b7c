"""The operations, a file a resource. `OPERATIONS` is all of them."""

from crossdock.workspace.api.routes import (
    catalog,
    labels,
    source_sending,
    sources,
)

OPERATIONS = (
    *catalog.OPERATIONS,
    *labels.OPERATIONS,
    *source_sending.OPERATIONS,
    *sources.OPERATIONS,
)
