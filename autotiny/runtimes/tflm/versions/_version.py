"""Versions of TFLM as data: which features a target's TFLM has and how large its structures are.

One YAML file per version; its file name is the version's name, which targets and devices give as
``tflm_version``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from autotiny.errors import InputError
from autotiny.runtimes._base import KernelSet, Target

#: What an older kernel keeps or asks for instead; decoded in the versions' files.
Variant = Literal["reference", "rows", "sums", "scales"]
Feature = Literal["decode", "int4", "per_channel_fc"]
#: The newest version, which a target has that says nothing else.
NEWEST = "2026-08"


@dataclass(frozen=True)
class Views:
    """How often ``Prepare`` looks at each tensor of an operator.

    Attributes:
        inputs: For each input; the last number holds for all that follow.
        outputs: For every output.
    """

    inputs: tuple[int, ...] = (1,)
    outputs: int = 1

    def of_input(self, position: int) -> int:
        """Return how often the input at a position is looked at."""
        return self.inputs[min(position, len(self.inputs) - 1)]


@dataclass(frozen=True)
class OperatorMemory:
    """Memory that every use of an operator takes, in bytes.

    Attributes:
        parameters: Builtin options as the kernel reads them, and their alignment.
        data: Kernel data by kernel set.
        quantised: Kernel data that only quantised operators have.
        views: What ``Prepare`` looks at, by kernel set.
        variant: How the kernel differs from the newest in what it keeps or asks for; see the files.
    """

    parameters: tuple[int, int]
    data: Mapping[KernelSet, int]
    quantised: int
    views: Mapping[KernelSet, Views]
    variant: Variant | None


@dataclass(frozen=True)
class Structures:
    """Sizes of TFLM's own structures on a 32-bit core, in bytes.

    Attributes:
        interpreter: What is allocated before any tensor, in order.
        eval_tensor: A tensor as kernels see it.
        node: A node and its registration.
        tensor: A tensor with all its properties, as inputs, outputs and ``Prepare`` have it.
        quantization: Its quantisation parameters, without zero points.
        scratch_request: A kernel's request for scratch memory while it prepares.
        scratch_handle: The same from then on.
        allocation_info: What is known of a tensor or scratch buffer while memory is planned.
        planned_buffer: What the planner notes for a buffer.
    """

    interpreter: tuple[int, ...]
    eval_tensor: int
    node: int
    tensor: int
    quantization: int
    scratch_request: int
    scratch_handle: int
    allocation_info: int
    planned_buffer: int


@dataclass(frozen=True)
class OnlyBoard:
    """The one board that a version compiles for.

    Attributes:
        device: Its name among the devices.
        core: Its CPU.
        board: As a person would say it.
        others: What serves other boards, as a part of a sentence.
    """

    device: str
    core: str
    board: str
    others: str


@dataclass(frozen=True)
class TflmVersion:
    """One version of TFLM as it is built for a board.

    Attributes:
        name: The file's name without ``.yaml``.
        title: What it is, as a person would say it.
        commit: Of its repository.
        kernel_sets: Kernel sets that it can be built with.
        features: What it has of that not every version has.
        only: The one board that it compiles for; None: any.
        exact: By kernel set, how exact the predicted arena was where it was measured.
        structures: Sizes of its structures.
        operators: Memory of the operators that it has and that are known.
        subgraph_operators: Operators that it has besides, whose arena cannot be predicted.
    """

    name: str
    title: str
    commit: str
    kernel_sets: tuple[KernelSet, ...]
    features: Mapping[Feature, bool]
    only: OnlyBoard | None
    exact: Mapping[KernelSet, str]
    structures: Structures
    operators: Mapping[str, OperatorMemory]
    subgraph_operators: tuple[str, ...]

    def has_operator(self, name: str) -> bool:
        """Whether the version's op resolver can register an operator."""
        return name in self.operators or name in self.subgraph_operators


def version_names() -> list[str]:
    """Return the names of the versions there are, sorted."""
    folder = files("autotiny.runtimes.tflm.versions")
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    )


@cache
def load_version(name: str) -> TflmVersion:
    """Return a version by name.

    Raises:
        InputError: If there is none of that name.
    """
    import yaml

    names = version_names()
    if name not in names:
        raise InputError(f"tflm_version must be one of {', '.join(names)}; got {name!r}.")
    path = files("autotiny.runtimes.tflm.versions").joinpath(f"{name}.yaml")
    values = yaml.safe_load(path.read_text("utf-8"))
    sizes = values["structures"]
    return TflmVersion(
        name,
        values["title"],
        values["commit"],
        tuple(values["kernel_sets"]),
        values["features"],
        OnlyBoard(**values["only"]) if "only" in values else None,
        values["exact"],
        Structures(**{**sizes, "interpreter": tuple(sizes["interpreter"])}),
        {operator: _memory(given) for operator, given in values["operators"].items()},
        tuple(values["subgraph_operators"]),
    )


def _memory(given: Mapping[str, Any]) -> OperatorMemory:
    size, alignment = given.get("parameters", (0, 1))
    views = given.get("views", 1)
    by_kernels = views if isinstance(views, dict) and "inputs" not in views else _same(views)
    return OperatorMemory(
        (size, alignment),
        data if isinstance(data := given.get("data", 0), dict) else _same(data),
        given.get("quantised", 0),
        {kernels: _views(value) for kernels, value in by_kernels.items()},
        given.get("variant"),
    )


def _same(value: Any) -> dict[KernelSet, Any]:
    return dict.fromkeys(get_args(KernelSet), value)


def _views(given: Any) -> Views:
    if isinstance(given, int):
        return Views((given,), given)
    return Views(tuple(given["inputs"]), given["outputs"])


def has_feature(target: Target, feature: Feature) -> bool:
    """Whether a target's TFLM has a feature: what the target says itself, else its version."""
    own = _stated(target)[feature]
    return load_version(target.tflm_version).features[feature] if own is None else own


def version_of(target: Target) -> TflmVersion:
    """Return the version whose memory a target's TFLM takes.

    A target that says it has what its version has not is built with a newer one, and so is one with
    other kernels.
    """
    version = load_version(target.tflm_version)
    newer = any(own and not version.features[name] for name, own in _stated(target).items())
    other = target.kernels not in version.kernel_sets
    return load_version(NEWEST) if newer or other else version


def _stated(target: Target) -> dict[Feature, bool | None]:
    return {
        "decode": target.has_decode,
        "int4": target.has_int4,
        "per_channel_fc": target.has_per_channel_fc,
    }
