"""The choice of encodings against trying all of them."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.runtimes.tflm.selection import DECODE_TAIL_BYTES, Option, choose

options = st.builds(
    Option,
    encoding=st.just(""),
    flash_bytes=st.integers(0, 30),
    head_bytes=st.integers(0, 600),
    needs_decode=st.booleans(),
)
plain = st.builds(Option, st.just(""), st.integers(10, 40), st.just(0), st.just(False))
groups = st.tuples(plain, st.lists(options, max_size=3)).map(lambda pair: [pair[0], *pair[1]])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(groups, min_size=1, max_size=4),
    st.integers(0, 60),
    st.one_of(st.none(), st.integers(0, 1200)),
)
def test_the_choice_is_the_best_of_all(groups, code, limit):
    def flash(choice):
        return sum(o.flash_bytes for o in choice) + code * any(o.needs_decode for o in choice)

    def arena(choice):
        decodes = sum(o.needs_decode for o in choice)
        return max(o.head_bytes for o in choice) + DECODE_TAIL_BYTES * decodes

    fitting = [c for c in itertools.product(*groups) if limit is None or arena(c) <= limit]
    chosen = choose(groups, decode_code_bytes=code, head_limit=limit)
    assert limit is None or arena(chosen) <= limit
    assert flash(chosen) == min(map(flash, fitting))
