"""Generated spectrograms that stand in for spoken keywords, where no recording is at hand.

Nothing here is recorded sound. The shape is that of MLPerf Tiny keyword spotting: 49 frames of
10 coefficients, 12 classes. A class is a word: three of four syllables in a fixed order, where a
syllable is a short ridge of energy that rises, falls, stays or bends. The same syllables occur in
all words, so a model has to find out their order, wherever the word begins and however fast it
is spoken, under noise and beside a stray syllable. On validation data a linear model reaches
about 0.5 and a DS-CNN of four blocks 0.70 with 8 filters, 0.89 with 16, 0.95 with 32
and 0.98 with 64.
"""

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from autotiny.tasks._assemble import checked_task
from autotiny.tasks._base import Task

FRAMES, COEFFICIENTS, CLASSES, SAMPLES_PER_CLASS = 49, 10, 12, 200

#: Height of each syllable's ridge, in coefficients, at its start, middle and end.
_SYLLABLES = np.array([[1.5, 4.5, 7.5], [7.5, 4.5, 1.5], [3.0, 3.0, 3.0], [2.5, 7.0, 2.5]])
#: Every other order of three syllables out of four.
_WORDS = np.array(list(permutations(range(len(_SYLLABLES)), 3))[::2])
_SYLLABLE_FRAMES = 10.0
#: The middle of a word lies at most this many frames off the middle of the sample.
_SHIFT = 6.0
_RIDGE_WIDTH = 0.9
_NOISE = 0.3
_STRAY_LOUDNESS = 0.6

Array = NDArray[np.float64]


def load(seed: int) -> Task:
    """Return 2,400 samples ``(49, 10, 1)``, about 0..1 with noise, generated and split by seed."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(CLASSES), SAMPLES_PER_CLASS)
    x = _spoken(rng, _WORDS[y]) + _strays(rng, len(y)) + rng.normal(0, _NOISE, _shape(len(y)))
    names = ["".join("udsb"[n] for n in word) for word in _WORDS]
    return checked_task("tones", (x[..., np.newaxis], y), class_names=names, seed=seed)


def _shape(samples: int) -> tuple[int, int, int]:
    return samples, FRAMES, COEFFICIENTS


def _spoken(rng: np.random.Generator, words: NDArray[np.int64]) -> Array:
    """Render words, shape ``(n, syllables)``, at random start, speed, pitch and loudness."""
    samples, syllables = words.shape
    frames = _SYLLABLE_FRAMES * rng.uniform(0.75, 1.25, words.shape)
    begins = np.cumsum(frames, axis=1) - frames
    begins += (FRAMES - frames.sum(axis=1, keepdims=True)) / 2
    begins += rng.uniform(-_SHIFT, _SHIFT, (samples, 1))
    pitch = rng.uniform(-1, 1, words.shape[:1])
    loudness = rng.uniform(0.6, 1.0, words.shape)
    energies = np.zeros(_shape(samples))
    for n in range(syllables):
        energies += _ridge(words[:, n], begins[:, n], frames[:, n], pitch, loudness[:, n])
    return energies


def _strays(rng: np.random.Generator, samples: int) -> Array:
    """Render one quieter syllable of another speaker anywhere in each sample."""
    return _ridge(
        rng.integers(len(_SYLLABLES), size=samples),
        rng.uniform(-0.5 * _SYLLABLE_FRAMES, FRAMES - 0.5 * _SYLLABLE_FRAMES, samples),
        np.full(samples, _SYLLABLE_FRAMES, np.float64),
        rng.uniform(-1, 1, samples),
        rng.uniform(0, _STRAY_LOUDNESS, samples),
    )


def _ridge(
    syllable: NDArray[np.int64], begin: Array, frames: Array, pitch: Array, loudness: Array
) -> Array:
    """Render one syllable per sample; every argument has shape ``(n,)``.

    Returns:
        Energies, shape ``(n, FRAMES, COEFFICIENTS)``, 0 outside the syllable.
    """
    time = (np.arange(FRAMES) - begin[:, np.newaxis]) / frames[:, np.newaxis]
    start, middle, end = _SYLLABLES[syllable].T[:, :, np.newaxis]
    rising = start + (middle - start) * 2 * time
    falling = middle + (end - middle) * (2 * time - 1)
    height = np.where(time < 0.5, rising, falling) + pitch[:, np.newaxis]
    distance = np.arange(COEFFICIENTS) - height[:, :, np.newaxis]
    energy = np.exp(-0.5 * (distance / _RIDGE_WIDTH) ** 2)
    inside = (time >= 0) & (time < 1)
    energies: Array = loudness[:, np.newaxis, np.newaxis] * inside[:, :, np.newaxis] * energy
    return energies
