"""What the axes of samples mean: vectors, signals or images."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError

Layout = Literal["vector", "signal", "image"]
LAYOUTS: tuple[Layout, ...] = ("vector", "signal", "image")
#: Number of axes to what they are, for each layout.
_SHAPES: dict[Layout, dict[int, str]] = {
    "vector": {2: "(n, features)"},
    "signal": {3: "(n, time, channels)", 4: "(n, time, 1, channels)"},
    "image": {3: "(n, height, width)", 4: "(n, height, width, channels)"},
}
#: A last axis of at most so many values, and that much shorter than the one before, is channels.
_MOST_CHANNELS, _STEPS_A_CHANNEL = 8, 4


def guess_layout(x: NDArray[Any]) -> Layout:
    """Return what samples of an array are most likely.

    ``(n, features)`` are vectors and ``(n, height, width, channels)`` images. ``(n, a, b)`` may be
    both a signal of ``a`` steps and an image of one channel: it is a signal where b is at most 8
    and a at least four times that, unless it is uint8, as images are.
    """
    if x.ndim == 2:
        return "vector"
    if x.ndim == 3 and x.dtype != np.uint8:
        steps, channels = x.shape[1:]
        if channels <= _MOST_CHANNELS and steps >= _STEPS_A_CHANNEL * channels:
            return "signal"
    return "image"


def arranged(x: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Return samples as networks take them: a signal is ``(n, time, 1, channels)``."""
    if x.ndim == 3:
        return x[:, :, np.newaxis] if layout == "signal" else x[..., np.newaxis]
    return x


def checked_layout(where: str, layout: str | None, x: NDArray[Any]) -> Layout:
    """Return the layout that was asked for, or the likeliest.

    Raises:
        InputError: If there is none of that name or the samples cannot be that.
    """
    if layout is None:
        return guess_layout(x)
    known: dict[str, Layout] = {name: name for name in LAYOUTS}
    if layout not in known:
        raise InputError(f"--layout must be one of {', '.join(LAYOUTS)}; got {layout!r}.")
    shapes = _SHAPES[known[layout]]
    if x.ndim not in shapes or (layout == "signal" and x.ndim == 4 and x.shape[2] != 1):
        raise InputError(
            f"{where}: Samples of layout {layout} must have shape {' or '.join(shapes.values())}; "
            f"got {x.shape}."
        )
    return known[layout]
