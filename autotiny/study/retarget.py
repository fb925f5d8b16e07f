"""A study's trials on another device, or in another runtime, than they were searched for.

Nothing is trained: the models are packed again for the other target, which changes sizes and the
way weights are stored, never outputs.
"""

import dataclasses

from autotiny.budget.limits import Budget
from autotiny.candidate import Candidate
from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._base import Runtime, Target
from autotiny.study.front import TrialRecord
from autotiny.study.search import Search


def records_on(
    search: Search, target: Target, budget: Budget, runtime: Runtime | None = None
) -> list[TrialRecord]:
    """Return a study's trials as they would be on a target.

    On another one than the study's, trials that were never trained are left out, and those that it
    cannot run.

    Args:
        search: The study.
        target: Where they would run.
        budget: What encodings must not make a model break.
        runtime: In which they would run; the study's own by default.

    Raises:
        UnsupportedModelError: If the target can run none of them.
    """
    records = search.records()
    runtime = runtime or search.runtime
    if target == search.config.device and runtime.name == search.config.runtime:
        return records
    found, refusal = [], None
    for record in records:
        if record.litert_score is None:
            continue
        try:
            found.append(repacked(search, record, target, budget, runtime)[0])
        except UnsupportedModelError as error:
            refusal = error
    if not found and refusal is not None:
        raise refusal
    return found


def repacked(
    search: Search,
    record: TrialRecord,
    target: Target,
    budget: Budget,
    runtime: Runtime | None = None,
) -> tuple[TrialRecord, bytes]:
    """Return a trained trial on another target or in another runtime, and its image there.

    Raises:
        UnsupportedModelError: If the target cannot run it.
    """
    config, runtime = search.config, runtime or search.runtime
    packed = runtime.pack(
        search.folder.get_artifact(record, "model"),
        target,
        arena_limit=budget.arena_limit(
            overhead_ram_bytes=runtime.overhead_ram_bytes(target),
            app_ram_bytes=config.app_ram_bytes,
        ),
        grow_arena=Candidate.from_parameters(record.parameters).encoding_ram == "budget",
    )
    footprint = runtime.footprint(
        packed.image,
        target,
        app_flash_bytes=config.app_flash_bytes,
        app_ram_bytes=config.app_ram_bytes,
    )
    moved = dataclasses.replace(record, footprint=footprint, encodings=packed.encodings)
    return moved, packed.image
