"""What a program takes of a board: it fits what is within the limit by more than its error."""

import pytest

from autotiny.budget.board import Share, worst


@pytest.mark.parametrize(
    ("taken", "error", "outcome"),
    [
        (900, 0.0, "fits"),
        (1000, 0.0, "fits"),
        (1001, 0.0, "does not fit"),
        (900, 100.0, "fits"),
        (901, 100.0, "too close"),
        (1100, 100.0, "too close"),
        (1101, 100.0, "does not fit"),
    ],
)
def test_outcomes(taken, error, outcome):
    assert Share("flash", taken, 1000, error).outcome == outcome


def test_the_worst_memory_decides():
    fits, over, close = Share("flash", 1, 10), Share("flash", 11, 10), Share("RAM", 10, 10, 1.0)
    assert worst((fits, fits)) == "fits"
    assert worst((fits, close)) == "too close"
    assert worst((close, over)) == "does not fit"
    assert close.words == "10 B of 10 B of RAM (100.0%, with an error of 1 B)"
