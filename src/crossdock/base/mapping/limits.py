"""What a mapping may cost: to keep, and to resolve for one event."""

from typing import Final

MAPPING_BYTES_MAX: Final = 256 * 1024
MAPPING_LEVELS_MAX: Final = 32
MAPPING_VALUES_MAX: Final = 5_000
DIRECTIVES_MAX: Final = 1_000
PROBLEMS_SHOWN_MAX: Final = 20

PATH_CHARS_MAX: Final = 1_000
TEMPLATE_CHARS_MAX: Final = 10_000
PATTERN_CHARS_MAX: Final = 10
REPLACEMENT_CHARS_MAX: Final = 10
FIELD_NAMES_MAX: Final = 32
FIELD_INDEX_MAX: Final = 99

LIQUID_CHARS_MAX: Final = 1_000
LIQUID_MS_MAX: Final = 500
# Segment's limit is 100 MB of memory; a preview is for people, and they read less.
LIQUID_VALUE_CHARS_MAX: Final = 262_144

VALUE_LEVELS_MAX: Final = 128
RESULT_VALUES_MAX: Final = 100_000
RESULT_CHARS_MAX: Final = 2_000_000
