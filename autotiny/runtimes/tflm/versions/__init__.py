"""Versions of TFLM as data: one YAML file each, whose name targets give as ``tflm_version``."""

from autotiny.runtimes.tflm.versions._version import (
    NEWEST,
    Feature,
    OperatorMemory,
    Structures,
    TflmVersion,
    Variant,
    Views,
    has_feature,
    load_version,
    version_names,
    version_of,
)

__all__ = [
    "NEWEST",
    "Feature",
    "OperatorMemory",
    "Structures",
    "TflmVersion",
    "Variant",
    "Views",
    "has_feature",
    "load_version",
    "version_names",
    "version_of",
]
