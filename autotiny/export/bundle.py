"""Writing a bundle: all of it, proved, or nothing."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.export._golden import GoldenVectors, golden_vectors
from autotiny.export._interface import Interface, read_interface
from autotiny.export._manifest import Manifest, package_versions, plain
from autotiny.export._meaning import meaning_of
from autotiny.export._proof import compare_with_litert, prove
from autotiny.export._render import render, sources_dir
from autotiny.export._request import BundleRequest, check
from autotiny.export.folder import MANIFEST, check_replaceable, new_folder, write_files
from autotiny.runtimes._base import Footprint
from autotiny.tasks._base import Split


def export_bundle(request: BundleRequest, out: Path, *, force: bool = False) -> Manifest:
    """Write a bundle and prove it.

    The folder appears under its name only when everything in it is written and proved.

    Args:
        request: What to export.
        out: Folder to write; its parents are made if needed.
        force: Replace ``out`` if it is a bundle or an empty folder.

    Returns:
        The manifest that was written.

    Raises:
        InputError: If ``out`` exists and may not be replaced, or cannot be written, or the request
            does not fit its own model.
        UnsupportedModelError: If the firmware cannot run the model.
        ProofError: If the written files do not do what they promise.
    """
    check(request)
    out = out.expanduser().resolve()
    check_replaceable(out, force)
    interface = _checked_interface(request)
    golden = golden_vectors(request, interface)
    files = render(request, interface, golden)
    with new_folder(out) as folder:
        _write(folder, files, request)
        prove(folder / sources_dir(request), request, golden)
        manifest = _manifest(folder, request, interface, golden)
        (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _checked_interface(request: BundleRequest) -> Interface:
    """Read the image's interface and hold it against the data."""
    interface = read_interface(request.image)
    full = read_interface(request.model)
    if (full.input, full.output) != (interface.input, interface.output):
        raise InputError("The image and the full model must have the same input and output.")
    if interface.input.shape != (1, *request.test_x.shape[1:]):
        raise InputError(
            f"Test inputs must have the model's input shape {interface.input.shape[1:]}; "
            f"got {request.test_x.shape[1:]}."
        )
    meaning_of(request, interface)
    return interface


def _write(folder: Path, files: dict[str, str], request: BundleRequest) -> None:
    # image.tflite is what model_data.c holds, for tools that measure: `autotiny check` on it tells
    # the true flash.
    models = {"model.tflite": request.model, "image.tflite": request.image}
    write_files(folder, {**models, **files, **request.extra})


def _manifest(
    folder: Path, request: BundleRequest, interface: Interface, golden: GoldenVectors
) -> Manifest:
    agreement, outputs = compare_with_litert(request, interface)
    real = interface.output.dequantise(outputs)
    scores, facts = _judged(request, interface, real)
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    return Manifest(
        project=request.project,
        name=request.name,
        ecosystem=request.ecosystem,
        source=request.source,
        study=request.study,
        trial=request.trial,
        parameters=plain(request.parameters),
        scores=plain(request.scores) | scores,
        task=None if request.goal is None else request.goal.kind.name,
        metric=None if request.goal is None else request.goal.metric.name,
        test=plain(facts),
        names=request.class_names,
        threshold=meaning_of(request, interface).threshold,
        target=plain(request.target),
        footprint=_with_totals(request.footprint),
        runtime=request.footprints[0][0].runtime,
        footprints={
            footprint.runtime: _with_totals(footprint) | {"target": target.name}
            for footprint, target in request.footprints
        },
        engine=dict(request.engine),
        encodings=dict(request.encodings),
        operators=interface.operators,
        image_sha256=request.image_sha256,
        golden_vectors=len(golden),
        litert=agreement,
        files={path.relative_to(folder).as_posix(): _sha256(path) for path in written},
        versions=package_versions(),
    )


def _with_totals(footprint: Footprint) -> dict[str, Any]:
    totals = {"flash_bytes": footprint.flash_bytes, "ram_bytes": footprint.ram_bytes}
    return {**plain(footprint), **totals}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _judged(
    request: BundleRequest, interface: Interface, real: NDArray[np.float32]
) -> tuple[dict[str, float], Mapping[str, Any]]:
    """Return the score of real test outputs, and what else they tell."""
    if request.goal is None:
        return {}, {}
    goal, test = request.goal, Split(request.test_x, np.asarray(request.test_y))
    if interface.gives_sigmoid and goal.kind.name in ("classification", "multi-label"):
        real = real - np.float32(0.5)  # probabilities: decisions are made about 0
    facts = goal.kind.facts(real, test.x, test.y, request.class_names)
    return {f"test_{goal.metric.name}": goal.score(real, test)}, facts
