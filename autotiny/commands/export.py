"""``autotiny export``."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from autotiny.budget import Budget
from autotiny.errors import InputError
from autotiny.front import Pick, TrialRecord, pick
from autotiny.report.console import console
from autotiny.report.tables import cost_line, footprint_table
from autotiny.runtimes import Footprint, Target
from autotiny.study import Search
from autotiny.units import format_bytes, format_seconds


def export_trial(
    name: str, number: int | None, how: str | None, ecosystem: str, out: Path, force: bool
) -> None:
    """Write and prove the bundle of one trial; the test split is scored here, once."""
    from autotiny.export import BundleRequest, ecosystem_target, ecosystems, export_bundle

    if (number is None) == (how is None):
        raise InputError("An export takes one of --trial and --pick; give exactly one.")
    if ecosystem not in ecosystems():
        raise InputError(f"--target must be one of {', '.join(ecosystems())}; got {ecosystem!r}.")
    search = Search.open(name)
    record = search.record(number) if number is not None else _picked(search, how or "")
    model, image = (search.folder.get_artifact(record, kind) for kind in ("model", "image"))
    task, config = search.task, search.config
    validation = search.device_score(record)
    target = ecosystem_target(ecosystem, config.device)
    footprint, encodings = record.footprint, record.encodings
    if target != config.device:
        image, encodings, footprint = _repacked(search, model, target)
    manifest = export_bundle(
        BundleRequest(
            project=name,
            model=model,
            image=image,
            target=target,
            runtime=search.runtime,
            footprint=footprint,
            class_names=task.class_names,
            test_x=task.test.x,
            test_y=task.test.y,
            study=name,
            trial=record.number,
            parameters=record.parameters,
            scores={"validation_accuracy": validation},
            encodings=encodings,
            ecosystem=ecosystem,  # type: ignore[arg-type]
        ),
        out,
        force=force,
    )
    say = console().print
    say(f"Trial {record.number} of {name}, written to {out}/", style="bold")
    if target != config.device:
        _say_other_library(target, encodings != record.encodings)
    say(footprint_table(footprint, config.budget))
    if not config.budget.fits(footprint):
        say(f"  Over the study's budget: {_excess(config.budget, footprint)}.", style="bold red")
    if costs := cost_line(footprint):
        say(f"  {costs}")
    say(f"  validation accuracy {validation:.4f} (measured, {search.runtime.name})")
    test = manifest.scores["test_accuracy"]
    say(f"  test accuracy       {test:.4f} (measured, {search.runtime.name})")
    agreement = manifest.litert
    say(
        "  proved: the bytes in model_data.c give the golden outputs bit for bit; LiteRT agrees on "
        f"{agreement.equal_outputs:.1%} of outputs, top-1 {agreement.top1:.1%}"
    )


def _repacked(
    search: Search, model: bytes, target: Target
) -> tuple[bytes, Mapping[str, str], Footprint]:
    """Return image, encodings and footprint of a model on another target than the study's."""
    packed = search.runtime.pack(model, target)
    footprint = search.runtime.footprint(
        packed.image,
        target,
        app_flash_bytes=search.config.app_flash_bytes,
        app_ram_bytes=search.config.app_ram_bytes,
    )
    return packed.image, packed.encodings, footprint


def _say_other_library(target: Target, repacked: bool) -> None:
    from autotiny.runtimes.tflm.versions import load_version

    title = load_version(target.tflm_version).title
    stored = "stored without what it lacks, " if repacked else ""
    console().print(
        f"  For {title}, {target.kernels} kernels: {stored}same outputs; sizes below are its.",
    )


def _excess(budget: Budget, footprint: Footprint) -> str:
    over = {name: value for name, value in budget.excess(footprint).items() if value > 0}
    shown = {"flash_bytes": "flash", "ram_bytes": "RAM"}
    sizes = [f"{shown[key]} by {format_bytes(int(over[key]))}" for key in shown if key in over]
    late = over.get("latency_s")
    return ", ".join([*sizes, *([f"time by {format_seconds(late)}"] if late else [])])


def _picked(search: Search, how: str) -> TrialRecord:
    if how not in get_args(Pick):
        raise InputError(f"--pick must be one of {', '.join(get_args(Pick))}; got {how!r}.")
    return pick(search.front(), how)  # type: ignore[arg-type]
