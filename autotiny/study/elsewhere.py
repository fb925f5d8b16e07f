"""A trained model in another runtime than the one it was searched for, or on another device.

Nothing is trained: the model is packed again, which changes sizes and the way weights are stored,
never outputs.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from autotiny.budget.limits import Budget
from autotiny.budget.spending import Spending
from autotiny.errors import UnsupportedModelError
from autotiny.runtimes import RUNTIMES, get_runtime
from autotiny.runtimes._base import Footprint, Runtime, Target
from autotiny.study.config import StudyConfig
from autotiny.study.format import read_footprint


@dataclasses.dataclass(frozen=True)
class Elsewhere:
    """What a trained model takes in another place than its study's.

    Attributes:
        footprint: There.
        encodings: Weight tensor to how it is stored there.
    """

    footprint: Footprint
    encodings: Mapping[str, str]


def packed_in(
    runtime: Runtime,
    model: bytes,
    target: Target,
    budget: Budget,
    config: StudyConfig,
    *,
    grow_arena: bool,
) -> tuple[Elsewhere, bytes]:
    """Return what a model takes in a runtime on a target, and its image there.

    Args:
        runtime: Where it would run.
        model: Full quantised .tflite.
        target: On which device.
        budget: What encodings must not make it break.
        config: Of its study, which says what the application takes.
        grow_arena: Whether encodings may take more arena than the model without them.

    Raises:
        UnsupportedModelError: If the runtime or the target cannot run it.
    """
    spending = Spending.within(budget, target, runtime, app_ram_bytes=config.app_ram_bytes)
    packed = runtime.pack(model, target, arena_limit=spending.arena_limit, grow_arena=grow_arena)
    footprint = runtime.footprint(
        packed.image,
        target,
        app_flash_bytes=config.app_flash_bytes,
        app_ram_bytes=config.app_ram_bytes,
    )
    return Elsewhere(footprint, packed.encodings), packed.image


def in_other_runtimes(
    config: StudyConfig, model: bytes, *, grow_arena: bool
) -> dict[str, Elsewhere]:
    """Return what a model takes in each runtime that can run it but the study's own."""
    found = {}
    for name in RUNTIMES:
        if name == config.runtime:
            continue
        try:
            found[name], _ = packed_in(
                get_runtime(name), model, config.device, config.budget, config,
                grow_arena=grow_arena,
            )  # fmt: skip
        except UnsupportedModelError:
            continue
    return found


def as_stored(elsewhere: Mapping[str, Elsewhere]) -> dict[str, Any]:
    """Return what :func:`read_elsewhere` reads, as JSON takes it."""
    return {
        name: {"footprint": dataclasses.asdict(there.footprint), "encodings": dict(there.encodings)}
        for name, there in elsewhere.items()
    }


def read_elsewhere(stored: Mapping[str, Any]) -> dict[str, Elsewhere]:
    """Return what a trial stored of other runtimes; nothing for one of an earlier version."""
    return {
        name: Elsewhere(read_footprint(there["footprint"]), there["encodings"])
        for name, there in stored.items()
    }
