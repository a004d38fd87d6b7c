"""Liquid templates of `@liquid`, by python-liquid with the filters and comparisons of liquidjs.

Tags and filters that Segment disables don't exist.
"""

from crossdock.base.mapping.liquid.templates import compile_liquid, liquid_reads, liquid_source

__all__ = ["compile_liquid", "liquid_reads", "liquid_source"]
