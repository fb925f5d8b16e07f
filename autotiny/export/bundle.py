"""Writing a bundle: all of it, proved, or nothing."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.export._golden import GoldenVectors, golden_vectors
from autotiny.export._interface import Interface, read_interface
from autotiny.export._manifest import Manifest, is_bundle_manifest, package_versions, plain
from autotiny.export._meaning import meaning_of
from autotiny.export._proof import compare_with_litert, prove
from autotiny.export._render import render, sources_dir
from autotiny.export._request import BundleRequest, check
from autotiny.tasks._base import Split

_MANIFEST = "manifest.json"


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
    with _new_folder(out) as folder:
        _write(folder, files, request)
        prove(folder / sources_dir(request), request, golden)
        manifest = _manifest(folder, request, interface, golden)
        (folder / _MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
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


def check_replaceable(out: Path, force: bool) -> None:
    """Check that a bundle may be written to a folder, before anything takes time.

    Raises:
        InputError: If it exists and may not be replaced.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"The output must be a folder; {out} is a file.")
    if not force:
        raise InputError(f"The output folder must not exist yet; {out} does (--force replaces it).")
    if not any(out.iterdir()):
        return
    manifest = out / _MANIFEST
    if not manifest.is_file() or not is_bundle_manifest(manifest.read_text("utf-8", "replace")):
        raise InputError(f"Only a bundle or an empty folder is replaced; {out} is neither.")


@contextlib.contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Give a hidden folder beside ``out`` that takes its name if nothing goes wrong."""
    created = [parent for parent in out.parents if not parent.exists()]
    partial = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
        folder = partial / "bundle"  # made by us, so that it has the user's permissions
        folder.mkdir()
        yield folder
        _swap(folder, out, partial / "replaced")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"The output folder must be writable; {out}: {reason}.") from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        for parent in () if out.exists() else created:
            with contextlib.suppress(OSError):  # not ours alone any more
                parent.rmdir()


def _swap(folder: Path, out: Path, aside: Path) -> None:
    """Rename ``folder`` to ``out``; what was there is put back if that fails."""
    replaces = out.exists()
    if replaces:
        os.rename(out, aside)
    try:
        os.rename(folder, out)
    except OSError:
        if replaces:
            os.rename(aside, out)
        raise


def _write(folder: Path, files: dict[str, str], request: BundleRequest) -> None:
    (folder / "model.tflite").write_bytes(request.model)
    # What model_data.c holds, for tools that measure: `autotiny check` on it tells the true flash.
    (folder / "image.tflite").write_bytes(request.image)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")


def _manifest(
    folder: Path, request: BundleRequest, interface: Interface, golden: GoldenVectors
) -> Manifest:
    agreement, outputs = compare_with_litert(request, interface)
    real = interface.output.dequantise(outputs)
    scores, facts = _judged(request, interface, real)
    footprint = request.footprint
    totals = {"flash_bytes": footprint.flash_bytes, "ram_bytes": footprint.ram_bytes}
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
        footprint=plain(footprint) | totals,
        encodings=dict(request.encodings),
        operators=interface.operators,
        image_sha256=request.image_sha256,
        golden_vectors=len(golden),
        litert=agreement,
        files={path.relative_to(folder).as_posix(): _sha256(path) for path in written},
        versions=package_versions(),
    )


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
