"""FQL, the filter query language of filters, triggers and transformations.

Text to a checked tree (`parse`, `parse_filter`), the tree to a function (`compile_filter`,
`compile_many`, `compile_value`), to text (`to_source`) and to the form for SDKs (`matcher`).
"""

from crossdock.base.fql.browser import browser_form, matcher
from crossdock.base.fql.checks import SOURCE_BYTES_MAX
from crossdock.base.fql.compiled import compile_filter, compile_value, parse_filter
from crossdock.base.fql.errors import FqlError
from crossdock.base.fql.form import from_form, to_form
from crossdock.base.fql.fused import compile_many
from crossdock.base.fql.interpreter import evaluate, holds
from crossdock.base.fql.nodes import Node
from crossdock.base.fql.parser import parse
from crossdock.base.fql.printer import to_source
from crossdock.base.fql.simplify import simplify
from crossdock.base.fql.triggers import as_trigger

__all__ = [
    "SOURCE_BYTES_MAX",
    "FqlError",
    "Node",
    "as_trigger",
    "browser_form",
    "compile_filter",
    "compile_many",
    "compile_value",
    "evaluate",
    "from_form",
    "holds",
    "matcher",
    "parse",
    "parse_filter",
    "simplify",
    "to_form",
    "to_source",
]
