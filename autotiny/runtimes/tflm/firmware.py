"""What firmware around TFLM is made of: its sources, and the version that an ecosystem brings."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from autotiny.errors import InputError
from autotiny.runtimes._base import Firmware, Target
from autotiny.runtimes.tflm.op_resolver import registrations
from autotiny.runtimes.tflm.versions import TflmVersion, has_feature, load_version, version_of


def firmware(target: Target, operators: Sequence[str]) -> Firmware:
    """Return TFLM's part of a bundle: runner and op resolver.

    Raises:
        UnsupportedModelError: If TFLM has no registration for an operator.
    """
    version = version_of(target)
    values = {"registrations": registrations(operators), "tflm": version}
    return Firmware(Path(__file__).parent / "templates", values, version.title)


#: The TFLM that an ecosystem brings, whatever the target's is.
_VERSIONS = {"arduino": "arduino-2.4.0-ALPHA"}


def firmware_target(ecosystem: str, target: Target) -> Target:
    """Return the target as the ecosystem's TFLM makes it: an image must be packed for that.

    Raises:
        InputError: If the ecosystem's TFLM does not compile for the target.
    """
    if ecosystem not in _VERSIONS:
        return target
    version = load_version(_VERSIONS[ecosystem])
    if version.only is not None and not _is_board(target, version):
        raise InputError(
            f"--target {ecosystem} must be for {version.only.board} (--device "
            f"{version.only.device}), the only board that {version.title} compiles for; got "
            f"{target.name}: {version.only.others}."
        )
    own = target.kernels in version.kernel_sets
    return dataclasses.replace(
        target,
        tflm_version=version.name,
        kernels=target.kernels if own else version.kernel_sets[0],
        core=version.only.core if version.only is not None else target.core,
        has_decode=None,
        has_per_channel_fc=None,
        has_int4=None,
    )


def _is_board(target: Target, version: TflmVersion) -> bool:
    """Whether a target is, or may be, a version's only board; generic is whatever fits."""
    if version.only is None or target.tflm_version == version.name:
        return True
    if target.name in ("generic", version.only.device):
        return True
    # Targets that version 0.1.0 stored have no version, but lack the same.
    lacks = {feature: has_feature(target, feature) for feature in version.features}
    return target.core == version.only.core and lacks == dict(version.features)
