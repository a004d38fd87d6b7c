"""Many filters to one function: what they share is worked out once, most are never looked at."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from crossdock.base.fql.compiled import Body, Event, parse_filter
from crossdock.base.fql.expressions import EVENT, Module
from crossdock.base.fql.nodes import And, Node
from crossdock.base.fql.plans import Cut, Member, Plan, Planner
from crossdock.base.fql.simplify import condition, simplify

Matcher = Callable[[Event], list[int]]


def compile_many(filters: Sequence[str | Node]) -> Matcher:
    """A function from an event to the places of the filters that match, in rising order.

    FqlError if one is invalid: a caller that must go on without it parses each by itself first.
    """
    places: dict[Node, list[int]] = defaultdict(list)
    for place, source in enumerate(filters):
        places[condition(simplify(parse_filter(source)))].append(place)
    members = [Member(node, tuple(found)) for node, found in places.items()]
    module = Module()
    planner = Planner(members)
    name = _function(module, planner, planner.plan(members))
    module.lines += [
        f"def judge({EVENT}):",
        "    found = []",
        f"    {name}({EVENT}, found)",
        "    found.sort()",
        "    return found",
    ]
    matcher: Matcher = module.run()["judge"]
    return matcher


def _function(module: Module, planner: Planner, plan: Plan) -> str:
    """Write the functions of a plan, innermost first; the name of the outermost."""
    lookups = [(cut.path, *_tables(module, planner, cut)) for cut in plan.cuts]
    paths: list[Node] = [cut.path for cut in plan.cuts]
    body = Body(module, paths + [m.node for m in plan.rest])
    if plan.always:
        body.add(f"found += {plan.always!r}")
    for path, table, functions in lookups:
        body.hold(path)
        body.add(f"key = {body.writer.value(path)}")
        body.add("if type(key) is str:")
        if table:
            body.add(f"    if key in {table}: found += {table}[key]")
        if functions:
            body.add(f"    if key in {functions}: {functions}[key]({EVENT}, found)")
    for member in plan.rest:
        _judge(body, member)
    name = module.fresh("judge")
    module.lines += [f"def {name}({EVENT}, found):", *body.lines, "    return None"]
    return name


def _tables(module: Module, planner: Planner, cut: Cut) -> tuple[str, str]:
    """The names of two tables by string: places that match for certain, and functions to ask."""
    certain: dict[str, tuple[int, ...]] = {}
    functions: dict[str, str] = {}
    for text, members in cut.files.items():
        plan = planner.plan(members)
        if plan.cuts or plan.rest:
            functions[text] = _function(module, planner, plan)
        elif plan.always:
            certain[text] = plan.always
    table = module.bind("places", certain) if certain else ""
    if not functions:
        return table, ""
    asked = module.fresh("asked")
    rows = ", ".join(f"{text!r}: {name}" for text, name in functions.items())
    module.lines.append(f"{asked} = {{{rows}}}")
    return table, asked


def _judge(body: Body, member: Member) -> None:
    """Shared conjuncts come first, being cheap by now."""
    steps = list(member.node.operands) if isinstance(member.node, And) else [member.node]
    for step in steps:
        body.hold(step)
    steps.sort(key=lambda step: step not in body.writer.held)
    test = " and ".join(map(body.writer.truth, steps))
    found = member.places
    add = f"found.append({found[0]})" if len(found) == 1 else f"found += {found!r}"
    body.add(f"if {test}: {add}")
