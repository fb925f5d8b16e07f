"""What a bundle is made from."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.resources import resource_dir
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Footprint, Runtime, Target
from autotiny.tasks._base import CLASSIFY, Goal

Ecosystem = Literal["generic", "arduino"]


@dataclass(frozen=True)
class Chosen:
    """What a study chose where that is not the runtime that the bundle's own firmware links.

    Attributes:
        footprint: Of the model there.
        target: What it is for.
    """

    footprint: Footprint
    target: Target


@dataclass(frozen=True)
class BundleRequest:
    """Everything that goes into a bundle.

    Attributes:
        project: What the user calls it; C names are derived from it.
        model: The full quantised .tflite, for desktop tools.
        image: What is flashed: the same model as the runtime packed it.
        target: What the firmware will run on.
        runtime: The runtime that the image was packed for; it gives the golden outputs.
        footprint: Of the image on the target.
        class_names: One per class, label or value.
        test_x: Test inputs, float32, shape ``(n, *input_shape)``.
        test_y: Their targets, as the kind of task has them.
        source: Where the model comes from, as a person would say it.
        parameters: Hyperparameters of the trial.
        scores: Scores by name, as in ``validation_accuracy``.
        encodings: Weight tensor to the encoding it is stored with.
        ecosystem: Which firmware is written: a folder of firmware_templates.
        goal: What the outputs mean and are scored by; None if they are but values.
        threshold: Of anomalies: the mean squared error above which a sample is one.
        study: Name of the study, if it comes from one.
        trial: Number of the trial, likewise.
        extra: Further files, path to contents.
        engine: What is known of the same model as C code, which is among them; empty if it is not.
        chosen: What the study chose, if that is not ``runtime``.
    """

    project: str
    model: bytes
    image: bytes
    target: Target
    runtime: Runtime
    footprint: Footprint
    class_names: tuple[str, ...]
    test_x: NDArray[np.float32]
    test_y: NDArray[Any]
    source: str
    parameters: Mapping[str, Any]
    scores: Mapping[str, float]
    encodings: Mapping[str, str]
    ecosystem: Ecosystem = "generic"
    goal: Goal | None = CLASSIFY
    threshold: float | None = None
    study: str | None = None
    trial: int | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    engine: Mapping[str, Any] = field(default_factory=dict)
    chosen: Chosen | None = None

    @property
    def footprints(self) -> tuple[tuple[Footprint, Target], ...]:
        """Footprints by target, that of the runtime which was chosen first."""
        own = ((self.footprint, self.target),)
        return own if self.chosen is None else ((self.chosen.footprint, self.chosen.target), *own)

    @property
    def name(self) -> str:
        """The project as a C identifier, which prefixes every exported symbol."""
        return c_identifier(self.project)

    @property
    def image_sha256(self) -> str:
        """SHA-256 of the flashed bytes, hexadecimal."""
        return hashlib.sha256(self.image).hexdigest()


def c_identifier(text: str) -> str:
    """Return a lower-case C and C++ identifier for any text.

    Underscores are neither doubled nor put first, because C++ reserves such names.
    """
    words = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return words if words[:1].isalpha() else f"model_{words}".rstrip("_")


def checked_ecosystem(name: str) -> Ecosystem:
    """Return the value of ``--target``.

    Raises:
        InputError: If there are no templates for it.
    """
    if name not in ecosystems():
        raise InputError(f"--target must be one of {', '.join(ecosystems())}; got {name!r}.")
    return cast(Ecosystem, name)


def ecosystems() -> tuple[str, ...]:
    """Names of the ecosystems there are templates for."""
    folders = (path for path in resource_dir("firmware_templates").iterdir() if path.is_dir())
    return tuple(sorted(path.name for path in folders if path.name != "common"))


def ecosystem_target(ecosystem: str, target: Target, runtime: Runtime | None = None) -> Target:
    """Return the target as the ecosystem's runtime makes it: an image must be packed for that.

    Raises:
        InputError: If the ecosystem's runtime does not compile for the target.
    """
    return (runtime or get_runtime()).firmware_target(ecosystem, target)


def check(request: BundleRequest) -> None:
    """Check what can be checked without reading the model.

    Raises:
        InputError: With the first rule that is broken.
    """
    known = ecosystems()
    if request.ecosystem not in known:
        allowed = " or ".join(known)
        raise InputError(f"The ecosystem must be {allowed}; got {request.ecosystem!r}.")
    made = ecosystem_target(request.ecosystem, request.target, request.runtime)
    if made != request.target:
        raise InputError(
            f"The target of {request.ecosystem} firmware must have the tflm_version "
            f"{made.tflm_version} and what follows from it (ecosystem_target); got "
            f"{request.target.tflm_version} with {request.target.kernels} kernels."
        )
    if len(request.test_x) == 0 or len(request.test_x) != len(request.test_y):
        raise InputError(
            "An export needs as many test inputs as test classes, at least one; "
            f"got {len(request.test_x)} and {len(request.test_y)}."
        )
    if not np.isfinite(request.test_x).all():
        raise InputError("Test inputs must be finite; some are NaN or infinite.")
