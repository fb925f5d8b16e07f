"""One seed for every random choice of a study, none of them shared.

Seeds that are added up overlap: with ``seed + number`` the first study's second candidate is the
second study's first. ``numpy.random.SeedSequence`` hashes its words instead (O'Neill 2014, PCG,
section 4.4, is where NumPy's mixing comes from), so that neighbours have nothing in common.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a seed is for; numbers are stored in nobody's file but decide results: never reuse."""

    PROPOSAL = 1
    TRAINING = 2


def seed_for(seed: int, draw: int, purpose: Purpose) -> int:
    """Return the seed of one purpose of one trial, 0 <= seed < 2**31.

    Args:
        seed: The study's.
        draw: Which candidate of the study it is, from 0.
        purpose: What it decides.
    """
    (word,) = np.random.SeedSequence([seed, draw, int(purpose)]).generate_state(1)
    return int(word) & 0x7FFFFFFF
