"""Writing a folder for Linux boards: all of it, measured as it was written, or nothing."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.export._manifest import package_versions, plain
from autotiny.export.folder import MANIFEST, check_replaceable, new_folder, write_files
from autotiny.export.litert._manifest import LitertManifest, LitertModel
from autotiny.export.litert._request import LitertRequest
from autotiny.lowering.floating import as_float
from autotiny.lowering.weight_forms import WeightForm
from autotiny.tasks.kinds import Anomaly
from autotiny.tflite.litert import run_one_by_one

#: Test inputs that the program runs if it is given none.
_EXAMPLES = 8
#: What every figure of a folder is.
_ORIGINS = {"model_bytes": "measured", "scores": "measured"}
_TEMPLATES = Path(__file__).parent / "templates"


def export_litert(request: LitertRequest, out: Path, *, force: bool = False) -> LitertManifest:
    """Write a folder with a model file for each form of its weights, and score what was written.

    The folder appears under its name only when everything in it is written and measured.

    Args:
        request: What to export.
        out: Folder to write; its parents are made if needed.
        force: Replace ``out`` if it is a bundle or an empty folder.

    Returns:
        The manifest that was written.

    Raises:
        InputError: If ``out`` exists and may not be replaced, or cannot be written.
        UnsupportedModelError: If the model is not one that ``as_float`` takes.
    """
    out = out.expanduser().resolve()
    check_replaceable(out, force)
    examples = request.task.test.x[:_EXAMPLES]
    with new_folder(out) as folder:
        models, told = {}, {}
        for form in request.forms:
            write_files(folder, {form.file_name: as_float(request.model, form)})
            data = (folder / form.file_name).read_bytes()
            models[form.name] = _measured(request, form, data)
            told[form.file_name] = run_one_by_one(data, examples)
        write_files(folder, {"examples.npz": _archive({"x": examples, **told})})
        outputs = next(iter(told.values())).shape[1]
        write_files(folder, _rendered(request, models, outputs))
        written = sorted(path for path in folder.rglob("*") if path.is_file())
        manifest = LitertManifest(
            project=request.project,
            source=request.source,
            study=request.study,
            trial=request.trial,
            parameters=plain(request.parameters),
            runtime="litert",
            task=request.task.goal.kind.name,
            metric=request.task.goal.metric.name,
            names=request.task.class_names,
            input_shape=request.task.input_shape,
            models=models,
            measured_in="LiteRT on the machine that exported, without delegates",
            files={path.relative_to(folder).as_posix(): _sha256(path) for path in written},
            versions=package_versions(),
        )
        (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _measured(request: LitertRequest, form: WeightForm, data: bytes) -> LitertModel:
    """Return a model file with its scores on validation and test data."""
    task, goal = request.task, request.task.goal
    splits = {"validation": task.validation, "test": task.test}
    outputs = {name: run_one_by_one(data, split.x) for name, split in splits.items()}
    scores = {
        f"{name}_{goal.metric.name}": goal.score(outputs[name], split)
        for name, split in splits.items()
    }
    threshold = None
    if isinstance(goal.kind, Anomaly):
        x, y = task.validation.x, task.validation.y
        threshold = goal.kind.threshold(outputs["validation"], x, y)
    facts = goal.kind.facts(outputs["test"], task.test.x, task.test.y, task.class_names)
    return LitertModel(
        form.file_name,
        form.title,
        form.activations,
        len(data),
        plain(scores),
        plain(facts),
        threshold,
        _ORIGINS,
    )


def _rendered(
    request: LitertRequest, models: dict[str, LitertModel], outputs: int
) -> dict[str, str | bytes]:
    """Return the program and the README by their names.

    Args:
        request: What is exported.
        models: What was written and measured.
        outputs: How many values a model gives: of two classes, one may do.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    task = request.task
    values: dict[str, Any] = {
        "request": request,
        "models": list(models.values()),
        "kind": task.goal.kind.name,
        "metric": task.goal.metric.name,
        "names": list(task.class_names),
        "shape": list(task.input_shape),
        "second_class": task.goal.kind.name == "classification" and outputs == 1,
    }
    return {
        path.stem: environment.get_template(path.name).render(values)
        for path in sorted(_TEMPLATES.glob("*.j2"))
    }


def _archive(arrays: dict[str, NDArray[np.float32]]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
