"""Templates: what they may hold, how they are rendered within limits, what they read."""

import functools
import inspect
import re
from collections.abc import Callable
from io import StringIO
from typing import Any, ClassVar, Final, TextIO

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.content import Literal
from liquid.builtin.illegal import Illegal
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.assign_tag import AssignTag
from liquid.builtin.tags.capture_tag import CaptureTag
from liquid.builtin.tags.comment_tag import CommentTag
from liquid.builtin.tags.decrement_tag import DecrementTag
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.builtin.tags.if_tag import IfTag
from liquid.builtin.tags.increment_tag import IncrementTag
from liquid.builtin.tags.inline_comment_tag import InlineCommentTag
from liquid.builtin.tags.liquid_tag import LiquidTag
from liquid.builtin.tags.unless_tag import UnlessTag
from liquid.exceptions import LiquidError
from liquid.utils import ReadOnlyChainMap

from crossdock.base.clock import iso_ms
from crossdock.base.mapping import javascript as js
from crossdock.base.mapping import limits, paths
from crossdock.base.mapping.errors import Unresolvable
from crossdock.base.mapping.javascript import UNDEFINED
from crossdock.base.mapping.liquid.comparisons import use_javascripts
from crossdock.base.mapping.liquid.dates import DATE_FILTERS, NOW
from crossdock.base.mapping.liquid.filters import FILTERS
from crossdock.base.mapping.liquid.values import bounded, plain, text, too_long
from crossdock.base.mapping.shaping import measure
from crossdock.base.mapping.work import Deadline

TEMPLATES_CACHED_MAX: Final = 512
_MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_QUOTED_OR_EVENT: Final = re.compile(
    r"\"[^\"]*\"|'[^']*'|(?<![\w.-])event\.(?=[A-Za-z_])(?!(?:size|length)\b)"
)
# What sets the name itself, or prints markup as it stands.
_EVENT_STAYS: Final = re.compile(r"(?:assign|capture|increment|decrement)\s+event\b|\{%-?\s*raw\b")

Render = Callable[[Any, Deadline], str]


def liquid_source(template: str) -> str:
    """The template without `event.` before a path of the event.

    Segment's documentation writes `event.properties.total`; its runtime knows `properties.total`,
    and `event` as the name of a track call.
    """
    if _EVENT_STAYS.search(template):
        return template
    return _MARKUP.sub(lambda markup: _QUOTED_OR_EVENT.sub(_kept, markup[0]), template)


def _kept(found: re.Match[str]) -> str:
    return "" if found[0] == "event." else found[0]


@functools.lru_cache(TEMPLATES_CACHED_MAX)
def compile_liquid(template: str) -> Render:
    """A function from an event and a deadline to text. ValueError, saying why, if it is invalid.

    The function raises Unresolvable where liquidjs throws, and at the limits.
    """
    parsed = _parsed(template)

    def render(event: Any, deadline: Deadline) -> str:
        if type(event) is not dict:
            event = {}
        context = _Context(parsed, event, deadline)
        buffer = context.get_buffer()
        try:
            for node in parsed.nodes:
                node.render(context, buffer)
        except LiquidError as fault:
            raise Unresolvable(f"a Liquid template failed: {fault.message}") from None
        except RecursionError:
            raise Unresolvable("a Liquid template is nested too deeply") from None
        return js.well_formed(buffer.getvalue())

    return render


def liquid_reads(template: str) -> list[tuple[str, ...]]:
    """The names that lead to each value of the event that a template looks at."""
    found = _parsed(template).analyze(include_partials=False).globals
    return [_names(path.segments) for paths in found.values() for path in paths]


def _names(segments: list[Any]) -> tuple[str, ...]:
    """Up to the first that only the event knows."""
    names: list[str] = []
    for segment in segments:
        if isinstance(segment, list):
            break
        names.append(str(segment))
    return tuple(names)


def _parsed(template: str) -> BoundTemplate:
    try:
        parsed = _ENVIRONMENT.from_string(liquid_source(template))
        unknown = set(parsed.analyze(include_partials=False).filters) - set(FILTERS)
        use_javascripts(parsed)
    except LiquidError as fault:
        place = fault.context()
        where = f" in line {place[0]}" if place and "\n" in template else ""
        raise ValueError(f"{fault.message or 'one that cannot be read'}{where}") from None
    except RecursionError:
        raise ValueError("one that is nested too deeply") from None
    if unknown:
        raise ValueError(f"the filter {', '.join(sorted(unknown))}, which is not available")
    return parsed


class _Buffer(StringIO):
    """Of the template, or of what it captures."""

    def write(self, text: str) -> int:
        if self.tell() + len(text) > limits.LIQUID_VALUE_CHARS_MAX:
            raise too_long()
        return super().write(text)


class _Context(RenderContext):
    """Knows the event, what the template sets, and no other names."""

    __slots__ = ("deadline",)

    def __init__(self, template: BoundTemplate, event: Any, deadline: Deadline) -> None:
        super().__init__(template, globals=event)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self.deadline = deadline

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        del buf
        return _Buffer()

    def get_item(self, obj: Any, key: Any) -> Any:
        """Of lists and texts also size, length, first and last; KeyError for what isn't there."""
        obj, key = plain(obj), plain(key)
        found = _item(obj, key)
        if found is UNDEFINED and key == "size" and type(obj) in (list, dict, str):
            found = js.length(obj) if type(obj) is str else len(obj)
        if found is UNDEFINED:
            raise KeyError(key)
        return found

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        function = FILTERS[name]
        operands, named = _signature(name)

        def run(*given: Any, **options: Any) -> object:
            self.deadline.check()
            values = [plain(value) for value in given[:operands]]
            if name in DATE_FILTERS and values[0] in NOW:
                values[0] = iso_ms(self.deadline.now_ms())
            kept = {key: plain(value) for key, value in options.items() if key in named}
            found = bounded(function(*values, **kept))
            return self.env.undefined(name, token=token) if found is UNDEFINED else found

        return run


def _item(obj: Any, key: Any) -> Any:
    """Lists count from their end too."""
    if type(obj) is not list:
        return paths.get(obj, (js.text(key),)) if type(obj) in (dict, str) and obj else UNDEFINED
    if key in ("first", "last"):
        key = 0 if key == "first" else -1
    if type(key) in js.NUMBERS:
        key = js.number_text(len(obj) + key if key < 0 else key)
    return paths.get(obj, (js.text(key),))


@functools.cache
def _signature(name: str) -> tuple[int, frozenset[str]]:
    """How many values a filter takes, and which by name; more is left aside, as in JavaScript."""
    parameters = inspect.signature(FILTERS[name]).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return len(FILTERS), frozenset()
    named = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    return len(parameters) - len(named), named


def _written(node: OutputNode | EchoNode, context: RenderContext, buffer: TextIO) -> int:
    value = plain(node.expression.evaluate(context))
    if type(value) is list:
        measure(value)
    return buffer.write(text(value))


class _OutputNode(OutputNode):
    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return _written(self, context, buffer)


class _Output(Output):
    node_class = _OutputNode


class _EchoNode(EchoNode):
    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return _written(self, context, buffer)


class _Echo(EchoTag):
    node_class = _EchoNode


_TAGS: Final = (
    Literal,
    Illegal,
    _Output,
    AssignTag,
    CaptureTag,
    CommentTag,
    DecrementTag,
    _Echo,
    IfTag,
    IncrementTag,
    InlineCommentTag,
    LiquidTag,
    UnlessTag,
)


class _Environment(Environment):
    """With what Segment allows and nothing else."""

    block_nesting_limit: ClassVar[int] = limits.MAPPING_LEVELS_MAX
    suppress_blank_control_flow_blocks: bool = False

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        del extra
        for tag in _TAGS:
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, function)


_ENVIRONMENT: Final = _Environment()
