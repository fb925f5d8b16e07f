"""Puts the project's top-level data folders into the wheel; the rest is in pyproject.toml.

``firmware_templates`` and ``search_spaces`` are edited at the top level and found through
``autotiny.resources``; declaring them as packages of ``autotiny._data`` needs the list of real
packages and these two together, which pyproject.toml cannot say.
"""

from setuptools import find_namespace_packages, setup

RESOURCES = {f"autotiny._data.{name}": name for name in ("firmware_templates", "search_spaces")}

setup(
    packages=[*find_namespace_packages(include=["autotiny", "autotiny.*"]), *RESOURCES],
    package_dir=RESOURCES,
    package_data={"autotiny": ["**/*.yaml", "**/*.j2", "py.typed"]}
    | {name: ["**/*"] for name in RESOURCES},
)
