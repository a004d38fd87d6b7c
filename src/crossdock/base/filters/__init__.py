"""Destination filters: which events a destination is not sent, and what is taken out of the others.

`check_filter` when one is saved; `compile_filters` for a destination's whole list, whose `apply` is
asked for each event; `browser_rules` for destinations in device mode.
"""

from crossdock.base.filters.browser import browser_faults, browser_rules
from crossdock.base.filters.checks import check_count, check_filter
from crossdock.base.filters.compiled import CompiledFilters, Outcome, compile_filters
from crossdock.base.filters.errors import FilterError
from crossdock.base.filters.model import DestinationFilter, FilterAction, FilterRule

__all__ = [
    "CompiledFilters",
    "DestinationFilter",
    "FilterAction",
    "FilterError",
    "FilterRule",
    "Outcome",
    "browser_faults",
    "browser_rules",
    "check_count",
    "check_filter",
    "compile_filters",
]
