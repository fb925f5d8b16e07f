"""Data tables of costs, with where they come from; ``README.md`` here decodes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from autotiny.runtimes._base import Target

#: The TFLM version whose tables have no version in their names.
_NEWEST = Target().tflm_version


@dataclass(frozen=True)
class Stand:
    """A measured table that stands for a target.

    Attributes:
        table: The table's contents.
        build: Core and flavour that were measured, such as ``cortex-m4 stripped``; the core alone
            where flavours do not matter.
        kernels: Kernels that were measured.
        error: Relative error that is added where that is not the target's own build.
    """

    table: Mapping[str, Any]
    build: str
    kernels: str
    error: float


@cache
def load_table(name: str) -> Mapping[str, Any]:
    """Return the table ``NAME.yaml``; its comments say what is in it."""
    import yaml

    text = files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")
    data: Mapping[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return data


def code_stand(target: Target) -> Stand:
    """Return the build whose code sizes stand for a target's."""
    return _code_stand(target.tflm_version, target.kernels, target.core, target.flavour)


def instructions_stand(target: Target) -> Stand:
    """Return the build whose instructions stand for a target's."""
    return _instructions_stand(target.tflm_version, target.kernels, target.core)


@cache
def _code_stand(version: str, kernels: str, core: str, flavour: str) -> Stand:
    entry = _core(core)
    names = [f"code_size{_of(version)}_{kernels}", f"code_size{_of(version)}_cmsis-nn"]
    name = next(name for name in [*names, f"code_size_{kernels}"] if _exists(name))
    table, wanted = load_table(name), f"{entry['as']} {flavour}"
    builds: list[str] = table["builds"]
    # The Cortex-M4 is nearer than the M0+ to whatever has no build of a flavour.
    flavoured = [build for build in builds if build.endswith(flavour)]
    alike = [wanted, f"cortex-m4 {flavour}", *flavoured, *builds]
    build = next(build for build in alike if build in builds)
    own = build == wanted and name == names[0]
    error = entry.get("code_error", 0.0) + (0.0 if own else load_table("stands")["build_error"])
    measured = "cmsis-nn" if name.endswith("cmsis-nn") else "reference"
    return Stand(table, build, measured, error)


@cache
def _instructions_stand(version: str, kernels: str, core: str) -> Stand:
    entry = _core(core)
    own, newest = f"instructions{_of(version)}_{entry['as']}", f"instructions_{entry['as']}"
    # An older version may have been counted with one of the kernel sets only.
    name = own if _exists(own) and kernels in load_table(own) else newest
    error = entry.get("instructions_error", 0.0)
    if name != own:
        error += load_table("stands")["version_error"]
    return Stand(load_table(name), entry["as"], kernels, error)


def _of(version: str) -> str:
    return "" if version == _NEWEST else f"_{version}"


def _core(core: str) -> Mapping[str, Any]:
    cores: Mapping[str, Mapping[str, Any]] = load_table("stands")["cores"]
    return cores.get(core.lower(), cores["other"])


def _exists(name: str) -> bool:
    return files(__package__).joinpath(f"{name}.yaml").is_file()
