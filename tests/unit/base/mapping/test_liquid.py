"""Liquid templates: what they may do, how long, and what `event.` means."""

from typing import Any

import pytest

from crossdock.base.clock import ManualClock
from crossdock.base.mapping import MappingError, Unresolvable, compile_mapping, for_delivery
from crossdock.base.mapping.limits import LIQUID_MS_MAX, LIQUID_VALUE_CHARS_MAX

EVENT: dict[str, Any] = {"event": "Paid", "properties": {"total": 2, "event": {"x": 1}}}
DISABLED = """array_to_sentence_string concat find find_exp find_index find_index_exp group_by
group_by_exp has has_exp map newline_to_br reject reject_exp reverse sort sort_natural uniq
where_exp type"""


def rendered(template: str, event: dict[str, Any] = EVENT, **more: Any) -> str:
    found = compile_mapping({"t": {"@liquid": template}}).resolve(event, **more)
    assert isinstance(found["t"], str)
    return found["t"]


def test_the_event_stands_under_its_own_names_and_under_event() -> None:
    """The documentation writes the one, the runtime knows the other."""
    assert rendered("{{ properties.total }} {{ event.properties.total }}") == "2 2"
    assert rendered("{{ event }}: {% if event.properties.total > 1 %}y{% endif %}") == "Paid: y"
    assert rendered("{{ properties.event.x }} {{ 'event.x' }} event.x") == "1 event.x event.x"
    assert rendered("{% assign event = properties %}{{ event.total }}") == "2"
    assert rendered("{% raw %}{{ event.x }}{% endraw %} {{ event.size }}") == "{{ event.x }} 4"


def test_what_goes_to_the_runtime_says_what_it_knows() -> None:
    mapping = {"a": [{"@liquid": "{{ event.properties.total | plus: 1 }} event.x"}], "event.b": 1}
    assert for_delivery(mapping) == {
        "a": [{"@liquid": "{{ properties.total | plus: 1 }} event.x"}],
        "event.b": 1,
    }


@pytest.mark.parametrize("name", DISABLED.split())
def test_a_disabled_filter_is_refused(name: str) -> None:
    with pytest.raises(MappingError, match=f"the filter {name}, which is not available"):
        compile_mapping({"t": {"@liquid": "{{ x | " + name + ": 'a' }}"}})


@pytest.mark.parametrize(
    "tag", ["case x", "for x in y", "include 'x'", "layout 'x'", "render 'x'", "tablerow x in y"]
)
def test_a_disabled_tag_is_refused(tag: str) -> None:
    with pytest.raises(MappingError, match="/t/@liquid: expected a Liquid template"):
        compile_mapping({"t": {"@liquid": "{% " + tag + " %}"}})


def test_now_is_the_clocks_now() -> None:
    clock = ManualClock(1_790_000_000_123)
    assert rendered("{{ 'now' | date: '%Y-%m-%dT%H:%M:%S.%LZ' }}", clock=clock) == (
        "2026-09-21T14:13:20.123Z"
    )


class SlowClock(ManualClock):
    """Each look at it takes a while."""

    def monotonic(self) -> float:
        self.advance(LIQUID_MS_MAX / 1000 / 3)
        return super().monotonic()


def test_a_template_has_half_a_second() -> None:
    rendered("{{ 1 | plus: 1 | plus: 1 }}", clock=SlowClock())
    with pytest.raises(Unresolvable, match="took more than 500 ms"):
        rendered("{{ 1 | plus: 1 | plus: 1 | plus: 1 | plus: 1 }}", clock=SlowClock())


ASSIGNED = "{% assign a = a | append: a %}"
PUSHED = "{% assign a = a | push: a %}"
EXPLOSIVE = [
    "{% assign a = 'xxxxxxxx' %}" + ASSIGNED * 25 + "{{ a }}",
    "{% assign a = 'x' %}" + PUSHED * 30 + "{{ a }}",
    "{% assign a = 'x' %}" + "{% capture a %}{{a}}{{a}}{% endcapture %}" * 20,
    "{% assign a = 'xxxxxxxxxxxxxxxx' %}{{ a" + " | replace: '', a" * 20 + " }}",
    "{% assign a = 'xxxx' %}" + "{% assign a = a | replace: 'x', a %}" * 20,
    "{{ (1..999999999) | join }}",
    "{{ (1..99999) | join: '----------' }}",
    "{{ 'now' | date: '%999999999d' }}",
    "{{ 'now' | date: '%900d%900d' }}{% assign a = 'x' %}" + ASSIGNED * 20,
]


@pytest.mark.parametrize("template", EXPLOSIVE)
def test_no_template_makes_a_text_without_bounds(template: str) -> None:
    with pytest.raises(Unresolvable, match=f"more than ({LIQUID_VALUE_CHARS_MAX}|100000) "):
        rendered(template)


def test_a_value_has_no_python_in_it() -> None:
    event = {"a": "text", "b": {"c": 1}, "l": [1]}
    for path in ("a.__class__", "b.keys", "l.append", "a.upper", "b.__len__", "a['__class__']"):
        assert rendered("{{ " + path + " }}", event) == ""


@pytest.mark.parametrize(
    "template",
    ["{{ 'a' | append }}", "{{ '%zz' | url_decode }}", "{{ 1 | date: '%Y', 'Nowhere' }}"],
)
def test_where_liquidjs_throws_there_is_no_result(template: str) -> None:
    with pytest.raises(Unresolvable):
        rendered(template)
