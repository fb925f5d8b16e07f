"""What a search tells while it runs."""

from collections.abc import Callable
from dataclasses import dataclass

from autotiny.study.front import TrialRecord


@dataclass(frozen=True)
class Progress:
    """Where a search is; sent to ``on_progress`` whenever something happened.

    Attributes:
        stage: ``base``, ``sensitivity``, ``blocks``, ``channels``, ``zeros``, ``train``, ``trial``
            or ``error``.
        done: Steps done of this stage: epochs, measurements, or finished trials.
        total: Of how many.
        record: The trial that just ended, in stage ``trial``.
        error: What stopped a candidate, in stage ``error``.
    """

    stage: str
    done: int
    total: int
    record: TrialRecord | None = None
    error: str | None = None


OnProgress = Callable[[Progress], None]
