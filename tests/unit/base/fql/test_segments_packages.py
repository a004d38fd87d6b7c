"""Segment's own packages read, judge and evaluate as we do, but for the differences listed.

Their answers are kept in a file; where Node and the packages are there, they are asked anew.
"""

import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracle.fql import asking
from tests.oracle.fql.cases import (
    EVENTS,
    FORM_REFUSALS,
    FORMS,
    TEXT_DIFFERENCES,
    TEXTS,
    TRIGGER_DIFFERENCES,
    TRIGGERS,
)
from tests.unit.base.fql.trees import conditions, events

from crossdock.base.fql import (
    FqlError,
    Node,
    as_trigger,
    browser_form,
    compile_filter,
    lexer,
    matcher,
    parse,
    parse_filter,
    to_form,
)

KINDS = {
    ".": "dot",
    ",": "comma",
    "(": "parenleft",
    ")": "parenright",
    "[": "brackleft",
    "]": "brackright",
}


def our_tokens(source: str) -> list[list[str]] | None:
    """In the names of Segment's reader; None for text that we refuse."""
    try:
        return [_named(token) for token in lexer.tokens(source)]
    except FqlError:
        return None


def _named(token: lexer.Token) -> list[str]:
    kind, text = token.kind, token.text
    if kind == lexer.END:
        return ["eos", "eos"]
    if kind == lexer.SIGN:
        return [KINDS.get(text, "operator"), text]
    if kind in (lexer.STRING, lexer.NUMBER):
        return [kind, token.written]
    if kind == lexer.WORD and text in ("and", "or"):
        return ["conditional", text]
    return ["null" if kind == lexer.WORD and text == "null" else "ident", text]


def in_rows(answers: list[Any], sources: list[str]) -> list[tuple[str, list[Any]]]:
    """Each filter with its answers, one an event."""
    size = len(EVENTS)
    assert len(answers) == size * len(sources)
    return [(s, answers[n * size : (n + 1) * size]) for n, s in enumerate(sources)]


def ours(node: Node | str) -> list[bool]:
    return [compile_filter(node)(event) for event in EVENTS]


def trigger(source: str) -> list[bool]:
    return ours(as_trigger(parse_filter(source)))


kept = asking.recorded()


@pytest.mark.parametrize(("source", "theirs"), in_rows(kept["triggers"], TRIGGERS))
def test_a_trigger_fires_as_in_segments_runtime(source: str, theirs: list[bool]) -> None:
    assert trigger(source) == theirs


@pytest.mark.parametrize(
    ("source", "theirs"), in_rows(kept["trigger_differences"], list(TRIGGER_DIFFERENCES))
)
def test_a_known_difference_of_triggers_is_one(source: str, theirs: list[bool]) -> None:
    """The list shrinks when the package learns."""
    assert trigger(source) != theirs


@pytest.mark.parametrize(("source", "theirs"), in_rows(kept["forms"], FORMS))
def test_the_form_means_the_same_in_a_browser(source: str, theirs: list[bool]) -> None:
    assert ours(source) == theirs


@pytest.mark.parametrize(("source", "theirs"), in_rows(kept["form_refusals"], FORM_REFUSALS))
def test_what_a_browser_would_judge_otherwise_is_refused(source: str, theirs: list[bool]) -> None:
    """`theirs` is what the form that says the same word for word would come to."""
    assert ours(source) != theirs
    with pytest.raises(FqlError, match="a filter that browsers can judge"):
        browser_form(parse(source))


@pytest.mark.parametrize(("source", "theirs"), [*zip(TEXTS, kept["texts"], strict=True)])
def test_text_is_read_as_segments_reader_does(source: str, theirs: object) -> None:
    assert our_tokens(source) == theirs


@pytest.mark.parametrize(
    ("source", "theirs"), [*zip(TEXT_DIFFERENCES, kept["text_differences"], strict=True)]
)
def test_a_known_difference_of_reading_is_one(source: str, theirs: object) -> None:
    assert our_tokens(source) != theirs


def asked(questions: asking.Questions) -> asking.Questions:
    try:
        return asking.ask(questions)
    except asking.Missing as missing:
        pytest.skip(str(missing))


def test_the_answers_kept_are_what_the_packages_say() -> None:
    for name, questions in asking.questions().items():
        (found,) = (part for part in asked(questions).values() if part)
        assert found == kept[name], name


def plain(node: Node, event: dict[str, Any]) -> bool:
    """Where JavaScript and Python count alike: ASCII, numbers of 53 bits, no keys of its arrays."""
    text = json.dumps([to_form(node), event])
    return not re.search(r"\\u|[0-9]{16}|length\"|\\.[0-9]|e\+", text)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(conditions, events), min_size=30, max_size=60))
def test_any_form_that_we_send_means_the_same_in_a_browser(
    found: list[tuple[Node, dict[str, Any]]],
) -> None:
    cases: list[tuple[Node, Any, dict[str, Any]]] = []
    for node, event in found:
        with contextlib.suppress(FqlError):
            if plain(node, event):
                cases.append((node, browser_form(node), event))
    theirs = asked({"form": [[form, event] for _, form, event in cases]})["form"]
    wrong = [
        (case, answer)
        for case, answer in zip(cases, theirs, strict=True)
        if compile_filter(case[0])(case[2]) is not answer
    ]
    assert not wrong


def test_a_matcher_is_what_the_settings_document_holds() -> None:
    source = "type = 'track' and properties.n > 5"
    assert matcher(parse(source), source) == {
        "type": "fql",
        "ir": '["and",["=","type",{"value":"track"}],[">","properties.n",{"value":5}]]',
        "config": {"expr": source},
    }
    assert matcher(parse("all"), "all") == {"type": "all", "ir": "", "config": {"expr": "all"}}
