"""Pictures: one look for all of them, and files that are the same whenever they are drawn."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotiny.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, FAINT = "#263238", "#90a4ae"
_STYLE: Any = {
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.linewidth": 0.6,
    # Text stays text: small, searchable files, in whatever sans-serif font the reader has.
    "svg.fonttype": "none",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "text.parse_math": False,  # a tensor's name may hold dollar signs
    "svg.hashsalt": "autotiny",
}


@contextmanager
def figure(path: Path, width: float, height: float) -> Iterator["Figure"]:
    """Yield an empty figure, and save it to ``path``.

    Args:
        path: Ends in ``.svg`` or ``.png``.
        width: Inches.
        height: Inches.

    Raises:
        InputError: If the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE), warnings.catch_warnings():
        # A name may be in a script that the font has not; then there are boxes, and no words.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        drawn = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        FigureCanvasAgg(drawn)
        yield drawn
        metadata = {"Date": None, "Creator": None} if path.suffix.lower() == ".svg" else {}
        try:
            drawn.savefig(path, dpi=150, metadata=metadata)
        except OSError as error:
            raise InputError(
                f"--plot must be a file that can be written; {path}: {error.strerror}."
            ) from error
