"""The mapping kit: a mapping's fields and directives, checked when saved, resolved for previews.

`compile_mapping` gives what `resolve` and `reads` hang on; `nested` makes a mapping of destination
fields by path; `remove_empty_values` and `arrify_fields` are what an action's schema then does.
"""

from crossdock.base.mapping.compiled import CompiledMapping, compile_mapping
from crossdock.base.mapping.delivery import for_delivery
from crossdock.base.mapping.empties import arrify_fields, remove_empty_values
from crossdock.base.mapping.errors import MappingError, Problem, Unresolvable
from crossdock.base.mapping.fields import FieldPath, field_text, nested, parse_field
from crossdock.base.mapping.parser import ROOT_DIRECTIVE

__all__ = [
    "ROOT_DIRECTIVE",
    "CompiledMapping",
    "FieldPath",
    "MappingError",
    "Problem",
    "Unresolvable",
    "arrify_fields",
    "compile_mapping",
    "field_text",
    "for_delivery",
    "nested",
    "parse_field",
    "remove_empty_values",
]
