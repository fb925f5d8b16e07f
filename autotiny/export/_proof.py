"""Proof of a bundle: what its written files hold does on the runtime what they promise."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import AutotinyError
from autotiny.export._c_source import read_array
from autotiny.export._golden import GoldenVectors
from autotiny.export._interface import Interface
from autotiny.export._manifest import Agreement
from autotiny.export._request import BundleRequest
from autotiny.tflite.litert import run_one_by_one


class ProofError(AutotinyError):
    """A written bundle does not hold what it should; nothing is left behind."""


def prove(sources: Path, request: BundleRequest, golden: GoldenVectors) -> None:
    """Read the written C files back and run them.

    Args:
        sources: Folder that holds ``model_data.c`` and ``golden.c``.
        request: What the bundle was made from.
        golden: The vectors that were written.

    Raises:
        ProofError: If the image in ``model_data.c`` is not the one requested, if the vectors in
            ``golden.c`` are not the chosen test inputs, or if the image does not give their
            outputs bit for bit; also if the full model differs from the image.
    """
    image = _read(sources / "model_data.c", f"{request.name}_model_data").astype(np.uint8).tobytes()
    if hashlib.sha256(image).hexdigest() != request.image_sha256:
        raise ProofError("The bytes read back from model_data.c are not the image.")
    inputs = _read(sources / "golden.c", f"{request.name}_golden_inputs")
    expected = _read(sources / "golden.c", f"{request.name}_golden_outputs")
    if not np.array_equal(inputs, golden.inputs.ravel()):
        raise ProofError("The inputs read back from golden.c are not the chosen test inputs.")
    samples = inputs.astype(np.int8).reshape(len(golden), *request.test_x.shape[1:])
    for what, model in (("image in model_data.c", image), ("full model.tflite", request.model)):
        outputs = request.runtime.outputs(model, samples)
        if not np.array_equal(outputs.ravel(), expected):
            raise ProofError(f"The {what} does not give the golden outputs bit for bit.")


def _read(path: Path, name: str) -> NDArray[np.int64]:
    try:
        return read_array(path.read_text(encoding="ascii"), name)
    except (OSError, ValueError) as error:
        raise ProofError(f"{path.name} cannot be read back: {error}.") from error


def compare_with_litert(
    request: BundleRequest, interface: Interface
) -> tuple[Agreement, NDArray[np.int8]]:
    """Run every test input on both interpreters.

    Returns:
        The agreement, and the runtime's outputs, shape ``(n, classes)``.
    """
    inputs = interface.input.quantise(request.test_x)
    ours = request.runtime.outputs(request.image, inputs).reshape(len(inputs), -1)
    theirs = run_one_by_one(request.model, inputs)
    difference = np.abs(ours.astype(np.int16) - theirs.astype(np.int16))
    agreement = Agreement(
        samples=len(inputs),
        equal_outputs=float((difference == 0).mean()),
        largest_difference=int(difference.max()),
        top1=float((ours.argmax(1) == theirs.argmax(1)).mean()),
    )
    return agreement, ours
