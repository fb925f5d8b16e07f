"""Folders for Linux boards: a model in float .tflite files, and a program that runs them."""

from autotiny.export.litert._folder import export_litert
from autotiny.export.litert._manifest import LitertManifest, LitertModel
from autotiny.export.litert._request import LitertRequest, checked_forms

__all__ = ["LitertManifest", "LitertModel", "LitertRequest", "checked_forms", "export_litert"]
