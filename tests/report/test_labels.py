"""Labels cross neither points nor lines nor legends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from autotiny.report.labels import _text_box, add_label

unit = st.floats(0, 1, width=32)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=25), st.data())
def test_a_label_hides_no_point_where_there_is_room(points, data):
    at = data.draw(st.sampled_from(points))
    drawn = Figure(figsize=(7, 4.4))
    FigureCanvasAgg(drawn)
    axes = drawn.subplots()
    axes.scatter(*zip(*points, strict=True))
    axes.set_xlim(-0.2, 1.2)
    axes.set_ylim(-0.2, 1.2)
    legend = axes.legend(["trials"], loc="lower right")
    drawn.draw_without_rendering()
    other = legend.get_window_extent()
    label = add_label(axes, "knee: trial 12", at, points=points, boxes=[other])
    box = _text_box(label)
    pixels = axes.transData.transform(np.array(points))
    assert not any(box.contains(x, y) for x, y in pixels)
    assert not box.overlaps(other)
    assert axes.get_window_extent().contains(box.x0, box.y0)
    assert axes.get_window_extent().contains(box.x1, box.y1)


@pytest.mark.parametrize("place", [0, 3, 7])
def test_a_label_stays_off_the_line(place):
    stairs = [(x, x**0.5) for x in np.linspace(0.05, 1, 8)]
    drawn = Figure(figsize=(7, 4.4))
    FigureCanvasAgg(drawn)
    axes = drawn.subplots()
    axes.step(*zip(*stairs, strict=True), where="post")
    label = add_label(axes, "knee: trial 12", stairs[place], points=stairs, line=stairs)
    box = _text_box(label)
    (drawn_line,) = axes.get_lines()
    path = drawn_line.get_transform().transform_path(drawn_line.get_path())
    assert not path.intersects_bbox(box, filled=False)
