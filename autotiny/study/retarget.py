"""A study's trials on another device, or in another runtime, than they were searched for."""

import dataclasses

from autotiny.budget.limits import Budget
from autotiny.candidate import Candidate
from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._base import Runtime, Target
from autotiny.study.elsewhere import Elsewhere, packed_in
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
    config = search.config
    at_home = target == config.device
    if at_home and runtime.name == config.runtime:
        return records
    # What trials stored of other runtimes was packed within the study's RAM.
    known = at_home and budget.ram_bytes == config.budget.ram_bytes
    found, refusal = [], None
    for record in records:
        if record.litert_score is None:
            continue
        if known and (there := record.elsewhere.get(runtime.name)) is not None:
            found.append(_moved(record, there))
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
    there, image = packed_in(
        runtime or search.runtime,
        search.folder.get_artifact(record, "model"),
        target,
        budget,
        search.config,
        grow_arena=Candidate.from_parameters(record.parameters).encoding_ram == "budget",
    )
    return _moved(record, there), image


def _moved(record: TrialRecord, there: Elsewhere) -> TrialRecord:
    return dataclasses.replace(record, footprint=there.footprint, encodings=there.encodings)
