"""Labels in pictures: where one crosses neither points nor lines nor another label."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

#: Directions and distances, in points, in which a label is tried, near ones first.
_DIRECTIONS = ((1, -1), (1, 1), (-1, 1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0))
_DISTANCES = (16, 30, 48, 72, 100, 140, 190)
#: Pixels that a label keeps from everything.
_GAP = 4.0


def add_label(
    axes: "Axes",
    text: str,
    at: tuple[float, float],
    *,
    points: Sequence[tuple[float, float]],
    line: Sequence[tuple[float, float]] = (),
    boxes: Sequence["Bbox"] = (),
    colour: str = "black",
) -> "Annotation":
    """Add a label to a point, with a thin line to it, where it hides least.

    Args:
        axes: With everything else drawn already, limits included.
        text: One line.
        at: The point, in data units.
        points: What must not be covered, in data units.
        line: Corners of a polyline that must not be crossed, in data units.
        boxes: Other labels and legends, in pixels.
        colour: Of text and line.
    """
    label: Any = axes.annotate(
        text,
        at,
        (0, 0),
        textcoords="offset points",
        color=colour,
        arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8},
    )
    label.set_annotation_clip(False)
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]  # limits are settled late
    pixels = axes.transData.transform(np.array([*points, at], float))
    dense = _walked(line, axes) if len(line) > 1 else np.zeros((0, 2))
    inside, best = axes.get_window_extent(), None
    for distance, (right, up) in itertools.product(_DISTANCES, _DIRECTIONS):
        sides = {1: "left", 0: "center", -1: "right"}, {1: "bottom", 0: "center", -1: "top"}
        label.set_ha(sides[0][right])
        label.set_va(sides[1][up])
        label.xyann = (right * distance, up * distance)
        axes.figure.draw_without_rendering()  # type: ignore[union-attr]
        box = _text_box(label)
        hidden = _within(pixels, box) * 100 + _within(dense, box)
        hidden += 1000 * sum(box.overlaps(other) for other in boxes)
        hidden += 1000 * (not (inside.containsx(box.x0) and inside.containsx(box.x1)))
        hidden += 1000 * (not (inside.containsy(box.y0) and inside.containsy(box.y1)))
        if best is None or hidden < best[0]:
            best = (hidden, label.xyann, label.get_ha(), label.get_va())
        if hidden == 0:
            break
    assert best is not None
    label.xyann = best[1]
    label.set_ha(best[2])
    label.set_va(best[3])
    return cast("Annotation", label)


def _text_box(label: "Annotation") -> "Bbox":
    """Return the text's own box in pixels, without its line, and a gap around it."""
    from matplotlib.text import Text

    box: Bbox = Text.get_window_extent(label).padded(_GAP)
    return box


def _walked(line: Sequence[tuple[float, float]], axes: "Axes") -> NDArray[np.float64]:
    """Return a stair line in pixels, as points close to each other: level, then up."""
    corners: list[tuple[float, float]] = []
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        corners += [(x0, y0), (x1, y0), (x1, y1)]
    pixels = axes.transData.transform(np.array(corners, float))
    steps = [
        np.linspace(a, b, 2 + int(np.abs(b - a).max() / 2)) for a, b in itertools.pairwise(pixels)
    ]
    return np.concatenate(steps)


def _within(pixels: NDArray[np.float64], box: "Bbox") -> int:
    across = (box.x0 <= pixels[:, 0]) & (pixels[:, 0] <= box.x1)
    return int((across & (box.y0 <= pixels[:, 1]) & (pixels[:, 1] <= box.y1)).sum())
