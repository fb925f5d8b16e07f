"""``autotiny search`` and ``autotiny resume``."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autotiny.devices import device_names, load_device
from autotiny.errors import NothingFitsError, SearchInterruptedError
from autotiny.report.closest import print_closest
from autotiny.report.console import console
from autotiny.report.progress import search_progress
from autotiny.report.tables import front_table
from autotiny.report.teaching import teacher_lines
from autotiny.runtimes import get_runtime
from autotiny.study.config import StudyConfig
from autotiny.study.front import TrialRecord, pick
from autotiny.study.resolving import resolve_config
from autotiny.study.search import Search
from autotiny.study.teaching import never_asked
from autotiny.tasks import Task
from autotiny.units import format_bytes, format_seconds


def say_teacher(search: Search, *, concluded: bool = False) -> None:
    """Print a study's own teacher's score beside the base model's, if it has one of its own.

    Args:
        search: The study.
        concluded: A base model that had to be trained is there; of one that was brought, all has
            been said.
    """
    config, brought = search.config, search.config.model is not None
    if (concluded and brought) or (teacher := search.teacher()) is None:
        return
    base = search.base_model().validation_score if concluded or brought else None
    assert config.teacher is not None
    for line in teacher_lines(config.teacher, teacher.validation_score, base, config.score):
        console().print(line)


def run_search(
    options: Mapping[str, Any], config: Path | None, assignments: tuple[str, ...]
) -> int:
    """Start a study and search; return the exit code."""
    resolved = resolve_config(options, config_file=config, assignments=assignments)
    return _run(Search.create(resolved), None)


def run_resume(name: str, trials: int | None, trust: bool = False) -> int:
    """Go on with a study; return the exit code."""
    return _run(Search.open(name, trusted=trust), trials)


def _run(search: Search, trials: int | None) -> int:
    out, started = console(), time.monotonic()
    total, done = trials or search.config.trials, len(search.records())
    try:
        announce(search, total, done)
        if search.config.teacher is not None and never_asked(search.config.space):
            out.print(
                "The teacher is never asked: distillation_alpha is 0 in this search space; --set "
                "'distillation_alpha={low: 0, high: 0.9}' searches how much it teaches."
            )
        with search_progress(out, total, done) as report:
            search.run(trials=trials, on_progress=report)
    except KeyboardInterrupt:
        again = f" --trials {trials}" if trials else ""
        raise SearchInterruptedError(
            f"interrupted; {len(search.records())} finished trials are kept, go on with: "
            f"autotiny resume {search.folder.name}{again}"
        ) from None
    return _conclude(search, time.monotonic() - started)


def announce(search: Search, total: int, done: int) -> None:
    """Print what a study is about to do: its data, budget, target and seed."""
    config, task = search.config, search.task
    sizes = {
        "flash": config.flash_bytes,
        "RAM": config.ram_bytes,
        "application flash": config.app_flash_bytes or None,
        "application RAM": config.app_ram_bytes or None,
    }
    limits = [f"{name} {format_bytes(size)}" for name, size in sizes.items() if size is not None]
    if config.latency_s is not None:
        limits.append(f"latency {format_seconds(config.latency_s)}")
    shape = "x".join(str(n) for n in task.input_shape)
    how = f"{config.device.kernels} kernels"
    if config.runtime == "c":
        form = config.device.optimise
        how = "compiled C" if form == "size" else f"compiled C, --optimise {form}"
    target = f"{config.device.name} ({how})"
    console().print(
        f"Study {config.study}: {config.data} ({len(task.train)} / {len(task.validation)} / "
        f"{len(task.test)} samples of {shape}, {_what(task)}), {config.base_name}, "
        f"budget {', '.join(limits) or 'none'}, target {target}, seed "
        f"{config.seed}" + (f", {done} of {total} trials done" if done else "")
    )
    if reason := _no_interpreter(config):
        console().print(reason)
    if not done:
        for sentence in task.told:
            if sentence != "classification, inferred from whole labels":  # the plainest case
                console().print(f"Task: {sentence}.")
        if config.score.name != "accuracy":
            better = "higher" if config.score.higher_is_better else "lower"
            console().print(
                f"Scored by {config.score.name} on validation data, {better} is better."
            )
    if config.model is not None:  # low here means that the data is not scaled as the model wants
        score = search.base_model().validation_score
        name = config.score.name
        console().print(f"{config.model}: validation {name} {score:.4f} (float, measured)")
    say_teacher(search)


def _no_interpreter(config: StudyConfig) -> str:
    """Return why a device is searched for compiled C; empty unless it has room for nothing else."""
    if config.runtime != "c" or config.device.name not in device_names():
        return ""
    refusal = load_device(config.device.name).refusal
    return (
        f"Compiled C, since TensorFlow Lite Micro does not run there: {refusal}" if refusal else ""
    )


def _what(task: Task) -> str:
    """Return what a model of the task gives, counted."""
    kind, count = task.goal.kind.name, len(task.class_names)
    if kind == "anomaly":
        return "anomaly detection"
    noun = {"classification": "classes", "multi-label": "labels"}.get(kind)
    return f"{count} {noun}" if noun else f"{count} value{'s' * (count > 1)}"


def _say_if_hopeless(records: Sequence[TrialRecord], config: StudyConfig) -> None:
    """Say so if no model at all could fit, since code alone takes more than there is."""
    code = min((record.footprint.runtime_bytes for record in records), default=0)
    if config.flash_bytes is not None and code + config.app_flash_bytes >= config.flash_bytes:
        console().print(
            f"The runtime's code for these operators alone takes {format_bytes(code)} of flash: no "
            f"{config.base_name} can fit."
            + (" --space mlp needs the least code." if config.space.family != "mlp" else "")
        )


def _conclude(search: Search, seconds: float) -> int:
    out, name = console(), search.folder.name
    records, budget = search.records(), search.config.budget
    front = search.front()
    rejected = sum(record.litert_score is None for record in records)
    out.print(
        f"\n{len(records)} trials ({rejected or 'none'} rejected as over budget, untrained) "
        f"in {format_seconds(seconds)}; {len(front)} on the front{':' if front else '.'}"
    )
    if records:
        say_teacher(search, concluded=True)
    if errors := search.errors():
        out.print(f"{errors} candidates failed and were left out (see above).")
    if not front:
        print_closest(records, budget)
        _say_if_hopeless(records, search.config)
        return NothingFitsError.exit_code
    out.print(front_table(front, budget))
    if sentence := _in_other_runtimes(front):
        out.print(sentence)
    out.print("Next, export one (or --trial N):")
    out.print(f"  autotiny export {name} --pick knee --out {name}-firmware", style="bold")
    return 0


def _in_other_runtimes(front: Sequence[TrialRecord]) -> str:
    """Return what the knee takes in runtimes that were not searched for; empty if it cannot."""
    knee = pick(front, "knee")
    return "\n".join(
        f"Trial {knee.number} with {get_runtime(name).words.title} (front --runtime {name}): flash "
        f"{there.footprint.flash_bytes:,} B, RAM {there.footprint.ram_bytes:,} B"
        for name, there in knee.elsewhere.items()
    )
