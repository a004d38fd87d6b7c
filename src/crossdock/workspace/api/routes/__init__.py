"""The operations, a file a resource. `OPERATIONS` is all of them."""

from crossdock.workspace.api.routes import labels

OPERATIONS = (*labels.OPERATIONS,)
