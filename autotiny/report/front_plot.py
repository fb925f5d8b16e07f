"""The front as a picture: accuracy over flash, every trial, the front drawn through."""

from collections.abc import Sequence
from pathlib import Path

from autotiny.budget.limits import Budget
from autotiny.report.figure import FAINT, INK, figure
from autotiny.report.labels import add_label
from autotiny.study.front import TrialRecord, pick, score_stairs


def draw_front(
    records: Sequence[TrialRecord], front: Sequence[TrialRecord], budget: Budget, path: Path
) -> None:
    """Draw trained trials, the front among them, and what ``--pick knee`` would take.

    The line joins the ``score_stairs``; members off it are on the front for the sake of another
    objective.

    Args:
        records: Every finished trial of the study.
        front: Its non-dominated feasible trials, at least one.
        budget: Limits to draw.
        path: Ends in ``.svg`` or ``.png``.

    Raises:
        InputError: If the file cannot be written.
    """
    on_front = {record.number for record in front}
    others = [r for r in records if r.litert_score is not None and r.number not in on_front]
    with figure(path, 7.2, 4.4) as drawn:
        axes = drawn.subplots()
        axes.scatter(*_points(others), s=18, color=FAINT, label="other trials")
        axes.step(*_points(score_stairs(front)), where="post", color="#1565c0", linewidth=1.2)
        colours = [record.footprint.ram_bytes / 1024 for record in front]
        dots = axes.scatter(
            *_points(front),
            c=colours,
            cmap="viridis",
            s=46,
            edgecolors=INK,
            label="front",
            zorder=3,
        )
        drawn.colorbar(dots, ax=axes, label="RAM, KiB (arena predicted)")
        limit = budget.flash_bytes
        if limit is not None and limit / 1024 < 1.3 * axes.get_xlim()[1]:
            axes.axvline(limit / 1024, color="#c62828", linestyle="--", label="flash budget")
        axes.set_xlabel("flash, KiB (image measured, runtime code from a table)")
        axes.set_ylabel(f"validation {front[0].metric.name} (measured)")
        axes.set_title(f"{len(front)} of {len(others) + len(front)} trained trials on the front")
        axes.grid(color="#eceff1")
        axes.set_axisbelow(True)
        # Below the axes, where it hides nothing.
        legend = axes.legend(loc="upper left", bbox_to_anchor=(0, -0.16), ncols=4, frameon=False)
        drawn.draw_without_rendering()
        knee = pick(front, "knee")
        add_label(
            axes,
            f"knee: trial {knee.number}",
            _point(knee),
            points=[_point(record) for record in [*others, *front]],
            line=[_point(record) for record in score_stairs(front)],
            boxes=[legend.get_window_extent()],
            colour=INK,
        )


def _point(record: TrialRecord) -> tuple[float, float]:
    assert record.score is not None  # only trained trials are drawn
    return record.footprint.flash_bytes / 1024, record.score


def _points(records: Sequence[TrialRecord]) -> tuple[list[float], list[float]]:
    points = [_point(record) for record in records]
    return [x for x, _ in points], [y for _, y in points]
