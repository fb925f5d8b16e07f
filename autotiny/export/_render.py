"""Firmware sources from templates.

An ecosystem is a folder of firmware_templates: every ``*.j2`` in it is rendered to the same path
without the suffix, with ``NAME`` in the path replaced by the model's C name. The sources that all
ecosystems share (``common/``) go into the ecosystem's ``NAME`` folder if it has one, else beside
its own files. Templates whose name starts with ``_`` are only included by others, and one that
renders to nothing, as that of a tool chain for another CPU, makes no file.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from autotiny.export._c_source import (
    comment_text,
    float_literal,
    hex_rows,
    int_rows,
    string_literal,
)
from autotiny.export._golden import GoldenVectors
from autotiny.export._interface import Interface
from autotiny.export._manifest import package_versions
from autotiny.export._meaning import meaning_of, value_unit
from autotiny.export._request import BundleRequest
from autotiny.resources import resource_dir
from autotiny.runtimes import get_runtime


def sources_dir(request: BundleRequest) -> PurePosixPath:
    """Where in the bundle the C sources go."""
    nested = (resource_dir("firmware_templates") / request.ecosystem / "NAME").is_dir()
    return PurePosixPath(request.name if nested else ".")


def render(request: BundleRequest, interface: Interface, golden: GoldenVectors) -> dict[str, str]:
    """Return the text of every generated file by its path in the bundle."""
    import jinja2

    root = resource_dir("firmware_templates")
    firmware = request.runtime.firmware(request.target, interface.operators)
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.FileSystemLoader(root),
                jinja2.PrefixLoader({"runtime": jinja2.FileSystemLoader(firmware.templates)}),
            ]
        ),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters |= {
        "c_comment": comment_text,
        "c_float": float_literal,
        "c_hex_rows": hex_rows,
        "c_int_rows": int_rows,
        "c_string": string_literal,
    }
    values = {**_values(request, interface, golden), **firmware.values}
    texts = {
        path: environment.get_template(template).render(values)
        for path, template in _plan(root, firmware.templates, request).items()
    }
    return {path: text for path, text in texts.items() if text.strip()}


def _plan(root: Path, runtime: Path, request: BundleRequest) -> dict[str, str]:
    """Return template name by path in the bundle."""
    plan = {}
    parts = (
        (root / "common", "common", sources_dir(request)),
        (runtime, "runtime", sources_dir(request)),
        (root / request.ecosystem, request.ecosystem, PurePosixPath(".")),
    )
    for folder, prefix, into in parts:
        for template in sorted(folder.rglob("*.j2")):
            if template.name.startswith("_"):
                continue
            path = template.relative_to(folder)
            name = path.with_suffix("").as_posix().replace("NAME", request.name)
            plan[(into / name).as_posix()] = f"{prefix}/{path.as_posix()}"
    return plan


def _values(request: BundleRequest, interface: Interface, golden: GoldenVectors) -> dict[str, Any]:
    """Return what templates may use."""
    meaning = meaning_of(request, interface)
    return {
        "project": request.project,
        "name": request.name,
        "NAME": request.name.upper(),
        "source": request.source,
        "image": request.image,
        "image_sha256": request.image_sha256,
        "target": request.target,
        "footprint": request.footprint,
        "engine": request.engine,
        "chosen": request.chosen,
        "words": get_runtime(request.footprints[0][0].runtime).words,
        "class_names": request.class_names,
        "meaning": meaning.template,
        "noun": meaning.noun,
        "plural": meaning.plural,
        "value_unit": value_unit(interface.output.scale),
        "threshold": meaning.threshold,
        "threshold_of": meaning.threshold_of,
        "cortex_m": cortex_m(request.target.core),
        "interface": interface,
        "input": interface.input,
        "output": interface.output,
        "operators": interface.operators,
        "golden": golden,
        "sources": sources_dir(request).as_posix(),
        "versions": package_versions(),
    }


def cortex_m(core: str) -> str | None:
    """Return a Cortex-M as compilers spell it, as in ``cortex-m0plus``; None for other CPUs."""
    name = core.lower().replace("+", "plus")
    if not name.startswith("cortex-m"):
        return None
    return name.removesuffix("f") if name in ("cortex-m4f", "cortex-m7f") else name
