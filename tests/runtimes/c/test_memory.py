"""Memory plans: nothing that is needed later is overwritten, and as little is taken as can be."""

import numpy as np
import pytest
from helpers_networks import networks, random_samples, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes.c.memory import lifetimes, plan_memory, sizes_of
from autotiny.runtimes.c.program import Edge, Program, Step, overlap_margin
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.c.speed import for_speed


def chain(*sizes, margins=None):
    """Return a program of one step between each two activations."""
    margins = margins or [None] * (len(sizes) - 1)
    steps = [Step("clamp", (i,), i + 1, {}, margins=(margin,)) for i, margin in enumerate(margins)]
    edge = Edge(0, (1,), 1.0, 0)
    return Program(tuple(steps), dict(enumerate(sizes)), edge, Edge(len(sizes) - 1, (1,), 1.0, 0))


@pytest.mark.parametrize(
    ("program", "size"),
    [
        (chain(10), 10),
        (chain(10, 20), 30),
        (chain(10, 20, 10), 30),
        (chain(8, 8, margins=[0]), 8),
        (chain(8, 8, margins=[-3]), 11),
        (chain(100, 60, 10, margins=[40, None]), 100),
        (chain(64, 128, 32, margins=[-100, -5]), 164),
    ],
)
def test_size(program, size):
    assert plan_memory(program).size == size


@settings(max_examples=60, deadline=None)
@given(networks(max_layers=7), st.booleans(), st.data())
def test_nothing_that_is_needed_is_overwritten(engine, network, fast, data):
    names = [layer.name for layer in network.weight_layers if data.draw(st.booleans())]
    bits = dict.fromkeys(names, LayerPrecision(activation_bits=16))
    model = engine.lowered(network, random_weights(network), random_samples(network, 8), bits)
    program = for_speed(read_program(model), own=True) if fast else read_program(model)
    plan, spans, sizes = plan_memory(program), lifetimes(program), sizes_of(program)
    at = plan.offsets
    assert set(at) == set(sizes) == set(spans)
    end = max(at[s] + n for s, n in sizes.items())
    assert plan.size == -(-end // plan.alignment) * plan.alignment
    assert min(at.values()) >= 0
    for a, (a_born, a_last) in spans.items():
        for b, (b_born, b_last) in spans.items():
            if a >= b or a_last < b_born or b_last < a_born:
                continue
            if at[a] + sizes[a] <= at[b] or at[b] + sizes[b] <= at[a]:
                continue
            assert a_last == b_born or b_last == a_born, "both are needed later"
            source, sink = (a, b) if a_last == b_born else (b, a)
            step = program.steps[spans[sink][0]]
            if step.in_place and source == step.inputs[0] and at[sink] == at[source]:
                continue
            margin = step.margins[step.inputs.index(source)]
            assert margin is not None
            assert at[sink] <= at[source] + margin


def test_margin_of_a_copy_and_of_a_sum_over_everything():
    assert overlap_margin(np.arange(7)) == 0
    assert overlap_margin(np.zeros(5, int)) == -4
    assert overlap_margin([0, 4, 8, 12]) == 3
    assert overlap_margin([0]) > 1000
    assert overlap_margin(np.arange(7), (1, 2)) == -6
    assert overlap_margin(np.arange(7), (2, 1)) == 1
    assert overlap_margin(np.arange(7), (2, 2)) == 0


@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=12),
    st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2)]),
)
def test_a_margin_is_the_largest_at_which_no_value_is_lost(first_read, widths):
    def is_sound(begin):
        """Whether no output, written in order, lies on what a later one reads."""
        source, sink = widths
        return all(
            begin + (place + 1) * sink <= source * read
            for place in range(len(first_read))
            for read in first_read[place + 1 :]
        )

    margin = overlap_margin(first_read, widths)
    assert is_sound(margin)
    assert not is_sound(margin + 1)


def test_a_plan_is_the_same_every_time(engine):
    program = chain(30, 50, 20, 70, 10)
    assert plan_memory(program) == plan_memory(program)
