"""Labels, `key:value`: what people sort sources by and narrow roles to. `environment:dev` and
`environment:prod` are there from the start. One value for each key of a source."""

import re

from sqlalchemy import delete, func, insert, select

from crossdock.base.errors import Rejected
from crossdock.state.tables import grants, labels, source_labels
from crossdock.workspace.control import Change
from crossdock.workspace.views import LabelInfo

LABELS_MAX = 500
LABEL_CHARS_MAX = 64
DESCRIPTION_CHARS_MAX = 500
_PART = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def create_label(change: Change, *, key: str, value: str, description: str = "") -> LabelInfo:
    """Raises Rejected: 422 malformed or too many, 409 there already."""
    change.access.require_owner()
    check_label(key, value)
    if len(description) > DESCRIPTION_CHARS_MAX:
        problem = f"is {len(description)} characters: expected at most {DESCRIPTION_CHARS_MAX}"
        raise Rejected("validation", f"description {problem}", 422, "label.description")
    mine = select(labels).where(labels.c.workspace_id == change.workspace)
    count = select(func.count()).select_from(mine.subquery())
    if change.connection.execute(count).scalar_one() >= LABELS_MAX:
        raise Rejected("limit", f"a workspace holds at most {LABELS_MAX} labels", 422)
    if find_label(change, key, value) is not None:
        raise Rejected("conflict", f"the label {key}:{value} exists", 409, "label")
    made = LabelInfo(key=key, value=value, description=description)
    _insert(change, made)
    change.audit("Label Created", made.resource_name, None, made)
    return made


def list_labels(change: Change) -> list[LabelInfo]:
    query = select(labels).where(labels.c.workspace_id == change.workspace)
    rows = change.connection.execute(query.order_by(labels.c.key, labels.c.value))
    return [LabelInfo(key=r.key, value=r.value, description=r.description) for r in rows]


def find_label(change: Change, key: str, value: str) -> LabelInfo | None:
    return next((x for x in list_labels(change) if (x.key, x.value) == (key, value)), None)


def delete_label(change: Change, key: str, value: str) -> LabelInfo:
    """Raises Rejected: 404 unknown, 409 while a source carries it or a role is narrowed to it."""
    change.access.require_owner()
    gone = find_label(change, key, value)
    if gone is None:
        raise Rejected("not_found", f"there is no label {key}:{value} in this workspace", 404)
    carried = select(source_labels.c.source_id).where(
        source_labels.c.workspace_id == change.workspace,
        source_labels.c.key == key,
        source_labels.c.value == value,
    )
    if change.connection.execute(carried).first() is not None:
        raise Rejected("conflict", f"sources carry the label {key}:{value}: remove it there", 409)
    narrowed = select(grants.c.labels).where(grants.c.workspace_id == change.workspace)
    if any([key, value] in row for row in change.connection.execute(narrowed).scalars()):
        raise Rejected("conflict", f"permissions name the label {key}:{value}: change them", 409)
    change.connection.execute(
        delete(labels).where(
            labels.c.workspace_id == change.workspace,
            labels.c.key == key,
            labels.c.value == value,
        )
    )
    change.audit("Label Deleted", gone.resource_name, gone)
    return gone


def check_label(key: str, value: str) -> None:
    """Raises Rejected (422) naming the part that is malformed."""
    for field, text in (("key", key), ("value", value)):
        if len(text) > LABEL_CHARS_MAX or not _PART.fullmatch(text):
            raise Rejected(
                "validation",
                f"label {field} is {text[:80]!r}: expected a letter, then letters, digits, hyphens "
                f"and underscores, {LABEL_CHARS_MAX} at most",
                422,
                f"label.{field}",
            )


def _insert(change: Change, label: LabelInfo) -> None:
    change.connection.execute(
        insert(labels).values(
            workspace_id=change.workspace,
            key=label.key,
            value=label.value,
            description=label.description,
            created_ms=change.now_ms,
        )
    )
