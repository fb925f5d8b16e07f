"""What a program takes of a board: fits only what is known and within the limit by its error."""

import pytest

from autotiny.budget.board import Share, worst


@pytest.mark.parametrize(
    ("known", "error", "is_all", "outcome"),
    [
        (900, 0.0, True, "fits"),
        (1000, 0.0, True, "fits"),
        (1001, 0.0, True, "does not fit"),
        (900, 100.0, True, "fits"),
        (901, 100.0, True, "too close"),
        (1100, 100.0, True, "too close"),
        (1101, 100.0, True, "does not fit"),
        (10, 0.0, False, "unknown"),
        (1001, 0.0, False, "does not fit"),
    ],
)
def test_outcomes(known, error, is_all, outcome):
    assert Share("flash", known, 1000, error, is_all).outcome == outcome


def test_the_worst_memory_decides():
    fits, unknown = Share("flash", 1, 10), Share("RAM", 1, 10, is_all=False)
    over, close = Share("flash", 11, 10), Share("RAM", 10, 10, 1.0)
    assert worst((fits, fits)) == "fits"
    assert worst((fits, close)) == "too close"
    assert worst((close, unknown)) == "unknown"
    assert worst((unknown, over)) == "does not fit"
    assert unknown.words == "at least 1 B of 10 B of RAM"
