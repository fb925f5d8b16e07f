"""Bundles: what a picked model becomes so that it can be flashed, and the proof that it runs."""

from autotiny.export._manifest import Agreement, Manifest
from autotiny.export._proof import ProofError
from autotiny.export._request import BundleRequest, Ecosystem, ecosystem_target, ecosystems
from autotiny.export.bundle import export_bundle

__all__ = [
    "Agreement",
    "BundleRequest",
    "Ecosystem",
    "Manifest",
    "ProofError",
    "ecosystem_target",
    "ecosystems",
    "export_bundle",
]
