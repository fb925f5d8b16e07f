"""The arena over time as a picture: who lies where while which operator runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotiny.budget.verdict import Verdict
from autotiny.errors import InputError
from autotiny.report.figure import INK, figure
from autotiny.runtimes._analysis import Analysis, Buffer, BufferKind
from autotiny.units import format_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS: dict[BufferKind, str] = {
    "input or output": "#a5d6a7",
    "activation": "#90caf9",
    "decoded weights": "#ce93d8",
    "scratch": "#ffcc80",
}
_TAIL, _START, _PEAK, _LIMIT = "#cfd8dc", "#eceff1", "#1565c0", "#c62828"
#: The RAM left for the arena is drawn if it is less than this times the arena.
_NEAR = 2.0
#: A band of less than this share of the picture's height gets no words.
_THIN = 0.045
#: More operators than this get every second label, and so on.
_MOST_LABELS = 64
_KIB = 1024


@dataclass(frozen=True)
class _Arena:
    """Sizes of the picture, in bytes; steps are the operators and one for the model's input."""

    head: int
    used: int
    smallest: int
    limit: int | None
    steps: int

    @property
    def tail(self) -> int:
        """Persistent data."""
        return self.used - self.head

    @property
    def top(self) -> float:
        """Highest offset shown."""
        return 1.04 * max(self.smallest, self.limit or 0)


def draw_memory_map(verdict: Verdict, path: Path) -> None:
    """Draw every planned buffer over its lifetime, and the persistent tail above.

    Args:
        verdict: An analysis with a memory plan.
        path: Ends in ``.svg`` or ``.png``.

    Raises:
        InputError: If the arena is not known, or the file cannot be written.
    """
    arena = _sizes(verdict)
    width = min(20.0, max(9.0, 3.0 + 0.56 * arena.steps))
    with figure(path, width, 6.0) as drawn:
        axes = drawn.add_subplot()
        _set_axes(axes, verdict.analysis, arena)
        _draw_tail(axes, arena)
        boxes = [_draw_buffer(axes, b) for b in verdict.analysis.buffers]
        _draw_lines(axes, arena)
        _draw_legend(axes, verdict.analysis, arena)
        axes.set_title(f"{verdict.name}: tensor arena over time", loc="left", pad=30)
        drawn.supxlabel(_caption(verdict), fontsize=8, color="#607d8b")
        drawn.draw_without_rendering()
        for box, buffer in zip(boxes, verdict.analysis.buffers, strict=True):
            _label(axes, box, buffer)


def _sizes(verdict: Verdict) -> _Arena:
    analysis = verdict.analysis
    head, used, smallest = (
        analysis.arena_head_bytes, analysis.arena_used_bytes, analysis.arena_min_bytes
    )  # fmt: skip
    if head is None or used is None or smallest is None or not analysis.layers:
        reason = analysis.refusal or next(iter(analysis.unaccounted), "the model has no operators.")
        raise InputError(f"--plot needs a model whose arena is known: {reason}")
    limit = None
    if verdict.budget.ram_bytes is not None:
        limit = verdict.budget.ram_bytes - analysis.overhead_ram_bytes - verdict.app_ram_bytes
        limit = limit if 0 < limit < _NEAR * smallest else None
    return _Arena(head, used, smallest, limit, len(analysis.layers) + 1)


def _set_axes(axes: "Axes", analysis: Analysis, arena: _Arena) -> None:
    axes.set_xlim(-0.5, arena.steps - 0.5)
    axes.set_ylim(0, arena.top / _KIB)
    stride = -(-arena.steps // _MOST_LABELS)
    names = ["input", *(f"{layer.operator} {layer.index}" for layer in analysis.layers)]
    steps = range(0, arena.steps, stride)
    axes.set_xticks(steps, names[::stride], rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", labelsize=7.5, length=2)
    axes.set_ylabel("offset in the arena (KiB)")
    axes.grid(axis="y", color="#eceff1", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _draw_tail(axes: "Axes", arena: _Arena) -> None:
    """Draw what is allocated downwards from the arena's end, and what only starting needs."""
    bottom = arena.smallest - arena.tail
    axes.axhspan(bottom / _KIB, arena.smallest / _KIB, color=_TAIL, linewidth=0, zorder=1)
    _band_label(axes, arena, bottom, arena.smallest, f"persistent tail: {format_bytes(arena.tail)}")
    if bottom - arena.head > _THIN * arena.top:
        axes.axhspan(
            arena.head / _KIB, bottom / _KIB, facecolor=_START, hatch="///", edgecolor=_TAIL,
            linewidth=0, zorder=1,
        )  # fmt: skip
        needed = format_bytes(bottom - arena.head)
        _band_label(axes, arena, arena.head, bottom, f"to start only: {needed}")


def _band_label(axes: "Axes", arena: _Arena, bottom: int, top: int, text: str) -> None:
    if top - bottom > _THIN * arena.top:
        axes.text(
            arena.steps / 2 - 0.5, (bottom + top) / 2 / _KIB, text, ha="center", va="center",
            fontsize=8.5, zorder=4,
            bbox={"facecolor": _TAIL, "edgecolor": "none", "pad": 2},
        )  # fmt: skip


def _draw_buffer(axes: "Axes", buffer: Buffer) -> Any:
    from matplotlib.patches import Rectangle

    first, last = max(buffer.first, 0), max(buffer.last, 0)
    box = Rectangle(
        (first - 0.47, buffer.offset / _KIB), last - first + 0.94, buffer.size / _KIB,
        facecolor=_COLOURS[buffer.kind], edgecolor="white", linewidth=1, zorder=2,
    )  # fmt: skip
    axes.add_patch(box)
    return box


def _draw_lines(axes: "Axes", arena: _Arena) -> None:
    lines = [
        (arena.head, _PEAK, "-", f"peak of the plan\n{format_bytes(arena.head)}"),
        (arena.smallest, INK, "-", f"smallest arena\n{format_bytes(arena.smallest)}"),
    ]
    if arena.limit is not None:
        lines.append((arena.limit, _LIMIT, "--", f"RAM budget\nleaves {format_bytes(arena.limit)}"))
    for size, colour, style, _ in lines:
        axes.axhline(size / _KIB, color=colour, linestyle=style, linewidth=1.4, zorder=3)
    places = _spread([size / arena.top for size, *_ in lines], 0.085)
    for (_, colour, _, text), place in zip(lines, places, strict=True):
        axes.text(
            1.01, place, text, transform=axes.transAxes, color=colour, fontsize=8, va="center"
        )


def _spread(places: Sequence[float], gap: float) -> list[float]:
    """Return heights at least ``gap`` apart, in the same order and as near as that allows."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved


def _draw_legend(axes: "Axes", analysis: Analysis, arena: _Arena) -> None:
    from matplotlib.patches import Patch

    kinds = {buffer.kind for buffer in analysis.buffers}
    handles = [Patch(color=colour, label=k) for k, colour in _COLOURS.items() if k in kinds]
    handles.append(Patch(color=_TAIL, label=f"persistent tail, {arena.tail:,} B"))
    axes.legend(
        handles=handles, ncols=len(handles), loc="lower left", bbox_to_anchor=(0, 1.005),
        frameon=False, fontsize=8, borderaxespad=0, handlelength=1.2, handleheight=1.0,
    )  # fmt: skip


def _label(axes: "Axes", box: Any, buffer: Buffer) -> None:
    """Write name and size into a rectangle, or as much of it as fits."""
    size = f"{buffer.size:,} B"
    long, short = _names(buffer)
    choices = [(f"{long}\n{size}", 0), (f"{short}\n{size}", 0), (size, 0)]
    choices += [(f"{short} {size}", 90), (size, 90)]
    room = box.get_window_extent()
    for text, rotation in choices:
        drawn = axes.text(
            box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2, text,
            ha="center", va="center", fontsize=7.5, rotation=rotation, color=INK, zorder=5,
        )  # fmt: skip
        extent = drawn.get_window_extent()
        if extent.width <= 0.94 * room.width and extent.height <= 0.94 * room.height:
            return
        drawn.remove()


def _names(buffer: Buffer) -> tuple[str, str]:
    """Return the last two parts of a tensor's name, and the last, fit to be printed.

    Converters name a tensor after all layers it was fused from, as in ``a/Relu;a/BiasAdd``.
    """
    parts = buffer.name.split(";")[0].split("/")[-2:]
    plain = ["".join(c if c.isprintable() else "?" for c in part)[-60:] for part in parts]
    return "/".join(plain), plain[-1]


def _caption(verdict: Verdict) -> str:
    target = verdict.target
    return (
        f"Predicted for {target.name} ({target.core}, {target.kernels} kernels); sizes of tensors "
        "measured. Each rectangle is a buffer while it is needed,\nplaced as TensorFlow Lite "
        "Micro's memory planner does; the tail is allocated once, downwards from the arena's end."
    )
