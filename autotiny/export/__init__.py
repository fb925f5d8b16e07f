"""Bundles: what a picked model becomes so that it can be flashed, and the proof that it runs."""

from autotiny.export._interface import read_interface
from autotiny.export._manifest import Agreement, Manifest
from autotiny.export._proof import ProofError
from autotiny.export._request import (
    BundleRequest,
    Chosen,
    Ecosystem,
    checked_ecosystem,
    ecosystem_target,
    ecosystems,
)
from autotiny.export.bundle import export_bundle
from autotiny.export.folder import check_replaceable

__all__ = [
    "Agreement",
    "BundleRequest",
    "Chosen",
    "Ecosystem",
    "Manifest",
    "ProofError",
    "check_replaceable",
    "checked_ecosystem",
    "ecosystem_target",
    "ecosystems",
    "export_bundle",
    "read_interface",
]
