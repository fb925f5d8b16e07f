import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotiny.budget.limits import UNKNOWN_EXCESS, Budget
from autotiny.runtimes import Footprint

SIZES = st.integers(0, 10**7)


def footprint(flash=0, ram=0, latency=None):
    return Footprint(flash, 0, 0, ram, 0, 0, 0, 0, latency_s=latency)


@given(SIZES, SIZES, SIZES, SIZES)
def test_excess_is_used_minus_limit(flash, ram, flash_limit, ram_limit):
    budget, used = Budget(flash_limit, ram_limit), footprint(flash, ram)
    assert budget.excess(used) == {"flash_bytes": flash - flash_limit, "ram_bytes": ram - ram_limit}
    assert budget.fits(used) == (flash <= flash_limit and ram <= ram_limit)


def test_limits_that_are_not_set_do_not_count():
    assert Budget().fits(footprint(10**9, 10**9, 10.0))
    assert Budget(ram_bytes=5).excess(footprint(10, 4)) == {"ram_bytes": -1}


def test_exactly_full_fits():
    assert Budget(10, 4).fits(footprint(10, 4))
    assert not Budget(10, 4).fits(footprint(11, 4))


def test_latency():
    excess = Budget(latency_s=0.02).excess(footprint(latency=0.03))
    assert excess == {"latency_s": pytest.approx(0.01)}


def test_all_parts_count():
    whole = Footprint(1, 2, 8, 16, 32, 0, 0, 0, app_flash_bytes=4, app_ram_bytes=64)
    assert Budget(flash_bytes=7, ram_bytes=112).fits(whole)
    assert not Budget(flash_bytes=6).fits(whole)
    assert not Budget(ram_bytes=111).fits(whole)


def test_unknown_never_fits():
    assert not Budget(latency_s=10.0).fits(footprint())
    assert Budget(latency_s=10.0).excess(footprint()) == {"latency_s": math.inf}
    assert Budget(latency_s=10.0).relative_excess(footprint()) == {"latency_s": UNKNOWN_EXCESS}


@given(SIZES, st.floats(0, 100), st.integers(1, 10**7), st.floats(1e-3, 10))
def test_relative_excess_has_no_unit(flash, latency, limit, limit_s):
    budget, used = Budget(flash_bytes=limit, latency_s=limit_s), footprint(flash, latency=latency)
    excess = budget.relative_excess(used)
    assert excess["flash_bytes"] == pytest.approx(flash / limit - 1)
    assert excess["latency_s"] == pytest.approx(latency / limit_s - 1)
    assert budget.fits(used) == all(value <= 0 for value in excess.values())
