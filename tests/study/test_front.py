import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotiny.budget.limits import Budget
from autotiny.errors import InputError, NothingFitsError
from autotiny.runtimes import Footprint
from autotiny.study.front import (
    TrialRecord,
    closest,
    feasible,
    objective_value,
    pareto_front,
    pick,
)

OBJECTIVES = ("accuracy", "flash", "ram")
#: Few distinct values, so that ties and equal points are common.
POINT = st.tuples(st.sampled_from([0.5, 0.7, 0.9, 0.95]), st.integers(1, 6), st.integers(1, 6))


def record(number, accuracy, flash, ram, device=None, latency=None, energy=None):
    footprint = Footprint(flash, 0, ram, ram, 0, 0, 0, 0, latency_s=latency, energy_mj=energy)
    return TrialRecord(number, {}, footprint, accuracy, device, {}, {}, {}, 0.0)


def records(points):
    return [record(number, *point) for number, point in enumerate(points)]


def brute_force(trials, objectives):
    """A trial stays unless one is at least as good throughout and better, or equal and earlier."""
    values = {t.number: np.array([objective_value(t, o) for o in objectives]) for t in trials}
    return {
        t.number
        for t in trials
        if not any(
            (values[o.number] <= values[t.number]).all()
            and ((values[o.number] < values[t.number]).any() or o.number < t.number)
            for o in trials
            if o is not t
        )
    }


@given(
    st.lists(POINT, max_size=30),
    st.sampled_from([OBJECTIVES, ("accuracy",), ("accuracy", "ram"), ("flash", "accuracy")]),
)
def test_front_equals_brute_force(points, objectives):
    trials = records(points)
    front = pareto_front(trials, objectives)
    assert {t.number for t in front} == brute_force(trials, objectives)
    assert [t.score for t in front] == sorted((t.score for t in front), reverse=True)


@given(st.lists(POINT, min_size=1, max_size=30))
def test_front_is_not_empty_and_stable(points):
    front = pareto_front(records(points), OBJECTIVES)
    assert front
    assert pareto_front(sorted(front, key=lambda t: t.number), OBJECTIVES) == front


def test_device_score_outranks_the_searchs():
    trials = [record(0, 0.9, 1, 1, device=0.8), record(1, 0.85, 1, 1)]
    assert [t.number for t in pareto_front(trials, OBJECTIVES)] == [1]
    assert trials[0].score == 0.8


def test_untrained_trials_are_not_feasible():
    trials = [record(0, None, 1, 1), record(1, 0.5, 1, 1), record(2, 0.9, 9, 1)]
    assert feasible(trials, Budget(flash_bytes=5)) == [trials[1]]
    assert (trials[0].score, trials[0].quality) == (None, -math.inf)


def test_unknown_objective():
    with pytest.raises(KeyError):
        objective_value(record(0, 0.5, 1, 1), "price")


def test_latency_is_an_objective():
    trials = [record(0, 0.9, 1, 1, latency=0.2), record(1, 0.9, 1, 1, latency=0.1)]
    assert pareto_front(trials, ("accuracy", "latency")) == [trials[1]]


def test_what_is_not_known_is_on_no_front():
    trials = [record(0, 0.9, 1, 1), record(1, 0.8, 1, 1, latency=0.1)]
    assert pareto_front(trials, ("accuracy", "latency")) == [trials[1]]
    assert pareto_front(trials, ("accuracy", "flash")) == [trials[0]]
    assert feasible(trials, Budget(latency_s=1.0)) == [trials[1]]


@given(st.lists(POINT, min_size=1, max_size=30), st.sampled_from(["accuracy", "flash", "ram"]))
def test_pick_takes_the_best_in_that_respect(points, how):
    front = pareto_front(records(points), OBJECTIVES)
    picked = pick(front, how)
    assert picked in front
    assert objective_value(picked, how) == min(objective_value(t, how) for t in front)


def test_equal_picks_go_to_the_more_accurate():
    front = [record(0, 0.9, 5, 2), record(1, 0.8, 4, 2)]
    assert pick(front, "ram").number == 0


@pytest.mark.parametrize(("how", "number"), [("latency", 1), ("energy", 2)])
def test_pick_by_time_or_energy(how, number):
    front = [
        record(0, 0.9, 5, 2, latency=0.3, energy=0.3),
        record(1, 0.8, 4, 2, latency=0.1, energy=0.2),
        record(2, 0.7, 3, 2, latency=0.2, energy=0.1),
    ]
    assert pick(front, how).number == number


@pytest.mark.parametrize(
    ("how", "latency", "needs"),
    [
        ("latency", None, "a clock;"),
        ("energy", None, "a clock and"),
        ("energy", 0.1, "a clock and"),
    ],
)
def test_pick_by_what_is_not_known(how, latency, needs):
    with pytest.raises(InputError, match=f"Picking by {how} needs a device with a clock"):
        pick([record(0, 0.9, 5, 2, latency=latency)], how)


def test_knee_is_where_accuracy_stops_paying():
    front = records([(0.97, 100, 1), (0.95, 30, 1), (0.80, 20, 1), (0.50, 10, 1)])
    assert pick(front, "knee").number == 1


@given(st.lists(POINT, min_size=1, max_size=30))
def test_knee_is_a_member_and_does_not_move_with_units(points):
    front = pareto_front(records(points), OBJECTIVES)
    picked = pick(front, "knee")
    scaled = [
        record(t.number, t.litert_score, t.footprint.flash_bytes * 1024, t.footprint.ram_bytes)
        for t in front
    ]
    assert pick(scaled, "knee").number == picked.number


def test_nothing_to_pick():
    with pytest.raises(NothingFitsError, match="no trained trial fits"):
        pick([], "knee")


def test_closest_counts_relative_excess_over_all_limits():
    trials = [
        record(0, None, 200, 10),  # twice the flash
        record(1, None, 100, 15),  # half as much RAM again
        record(2, None, 130, 12),  # 0.3 + 0.2
        record(3, 0.9, 100, 10),  # fits
        record(4, None, 101, 10),
    ]
    rows = closest(trials, Budget(100, 10))
    assert [r.number for r, _ in rows] == [4, 1, 2, 0]
    assert rows[0][1] == {"flash_bytes": 1}
    assert rows[1][1] == {"ram_bytes": 5}
    assert rows[2][1] == {"flash_bytes": 30, "ram_bytes": 2}


@given(st.lists(POINT, max_size=12), st.integers(1, 6), st.integers(1, 6), st.integers(0, 7))
def test_closest_come_in_order(points, flash, ram, count):
    trials = records(points)
    rows = closest(trials, Budget(flash, ram), count)

    def distance(t):
        over = (t.footprint.flash_bytes - flash) / flash, (t.footprint.ram_bytes - ram) / ram
        return sum(max(part, 0) for part in over)

    assert [distance(t) for t, _ in rows] == pytest.approx(
        sorted(distance(t) for t in trials if distance(t) > 0)[:count]
    )
    assert all(value > 0 for _, lacks in rows for value in lacks.values())
