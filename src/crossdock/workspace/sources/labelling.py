"""Labels on sources: those of the workspace, and one value for each key."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import delete, insert

from crossdock.base.errors import Rejected
from crossdock.state.tables import source_labels
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import Change
from crossdock.workspace.labels import LABELS_MAX, list_labels
from crossdock.workspace.sources.reading import get_source
from crossdock.workspace.views import LabelInfo, SourceInfo

Pair = tuple[str, str]


def add_labels(change: Change, reference: str, pairs: Sequence[Pair]) -> SourceInfo:
    """Another value of a key that the source carries takes the old one's place."""
    before = get_source(change, reference, Level.ADMIN)
    kept = {label.key: label for label in before.labels}
    return _carry(change, before, kept | _checked(change, pairs))


def replace_labels(change: Change, reference: str, pairs: Sequence[Pair]) -> SourceInfo:
    """`pairs` instead of all it carries; none takes them all away."""
    before = get_source(change, reference, Level.ADMIN)
    return _carry(change, before, _checked(change, pairs))


def _checked(change: Change, pairs: Sequence[Pair]) -> dict[str, LabelInfo]:
    """By key. Raises Rejected (422) naming the first that cannot be."""
    if len(pairs) > LABELS_MAX:
        problem = f"labels are {len(pairs)}: expected at most {LABELS_MAX}"
        raise Rejected("validation", problem, 422, "labels")
    known = {(label.key, label.value): label for label in list_labels(change)}
    checked: dict[str, LabelInfo] = {}
    for n, (key, value) in enumerate(pairs):
        label = known.get((key, value))
        if label is None:
            problem = f"there is no label {key[:80]}:{value[:80]} in this workspace: create it"
            raise Rejected("validation", problem, 422, f"labels.{n}")
        other = checked.setdefault(key, label).value
        if other != value:
            problem = f"labels give {key} twice, {other} and {value}: expected one value"
            raise Rejected("validation", problem, 422, f"labels.{n}")
    return checked


def _carry(change: Change, before: SourceInfo, wanted: Mapping[str, LabelInfo]) -> SourceInfo:
    # Not read again: whose role is narrowed to a label may just have taken it away.
    after = msgspec.structs.replace(before, labels=tuple(wanted[key] for key in sorted(wanted)))
    if after.labels == before.labels:
        return before
    change.connection.execute(delete(source_labels).where(source_labels.c.source_id == before.id))
    _insert(change, before.id, after.labels)
    change.audit("Source Modified", before.id, before, after)
    return after


def _insert(change: Change, source_id: str, carried: Iterable[LabelInfo]) -> None:
    rows = [
        {"source_id": source_id, "workspace_id": change.workspace, "key": x.key, "value": x.value}
        for x in carried
    ]
    if rows:
        change.connection.execute(insert(source_labels), rows)
