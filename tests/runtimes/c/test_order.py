"""The order of steps: one that the graph allows, of least memory, and the model's own otherwise."""

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.runtimes.c.memory import plan_memory
from autotiny.runtimes.c.order import in_best_order, peak_bytes
from autotiny.runtimes.c.program import Edge, Program, Step


def program_of(sizes, arrows, margins=None):
    """Return a program of a step for each (inputs, output)."""
    steps = [
        Step(
            "add",
            tuple(inputs),
            output,
            {},
            margins=tuple((margins or {}).get(output, [None] * 9))[: len(inputs)],
        )
        for inputs, output in arrows
    ]
    edges = [Edge(slot, (1,), 1.0, 0) for slot in (0, arrows[-1][1])]
    return Program(tuple(steps), dict(enumerate(sizes)), *edges)


def is_allowed(program, steps):
    """Whether every step runs behind all that write what it reads."""
    done = []
    for step in steps:
        if any(s.output in step.inputs and s not in done for s in program.steps):
            return False
        done.append(step)
    return True


def test_wide_branches_run_one_after_the_other():
    # two branches that widen to 100 and narrow to 2: the file widens both first
    arrows = [((0,), 1), ((0,), 2), ((1,), 3), ((2,), 4), ((3, 4), 5)]
    program = program_of([10, 100, 100, 2, 2, 2], arrows)
    better = in_best_order(program)
    assert peak_bytes(program) == 210  # both wide ones, and the input
    assert peak_bytes(better) == 112
    assert plan_memory(better).size < plan_memory(program).size
    assert [step.output for step in better.steps] in ([1, 3, 2, 4, 5], [2, 4, 1, 3, 5])


def test_a_chain_and_an_order_that_is_best_already_are_kept():
    chain = program_of([5, 9, 3], [((0,), 1), ((1,), 2)])
    assert in_best_order(chain) is chain
    best = program_of(
        [10, 100, 2, 100, 2, 2], [((0,), 1), ((1,), 2), ((0,), 3), ((3,), 4), ((2, 4), 5)]
    )
    assert in_best_order(best) is best


def test_a_shared_place_counts_once():
    program = program_of([10, 10], [((0,), 1)], {1: [0]})
    assert peak_bytes(program) == 10
    assert peak_bytes(program_of([10, 10], [((0,), 1)], {1: [-3]})) == 13
    assert peak_bytes(program_of([10, 10], [((0,), 1)])) == 20


@st.composite
def graphs(draw):
    """Return a program of up to six steps that is no chain, some in place."""
    count = draw(st.integers(2, 6))
    sizes = [draw(st.integers(1, 40)) for _ in range(count + 1)]
    arrows = [
        (draw(st.lists(st.integers(0, i), min_size=1, max_size=2, unique=True)), i + 1)
        for i in range(count)
    ]
    margins = {
        i + 1: [draw(st.sampled_from([None, 0, 5, -4])) for _ in range(2)] for i in range(count)
    }
    return program_of(sizes, arrows, margins)


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_no_other_order_has_a_lower_peak_and_no_plan_gets_larger(program):
    found = in_best_order(program)
    assert sorted(map(id, found.steps)) == sorted(map(id, program.steps))
    assert is_allowed(program, found.steps)
    assert plan_memory(found).size <= plan_memory(program).size
    allowed = [steps for steps in permutations(program.steps) if is_allowed(program, steps)]
    least = min(
        peak_bytes(Program(s, program.sizes, program.input, program.output)) for s in allowed
    )
    assert least <= peak_bytes(found)
    if found is not program:
        assert peak_bytes(found) == least
