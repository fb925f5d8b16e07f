"""Data folders are found in a checkout and travel in the wheel."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from autotiny import resources

ROOT = Path(__file__).parents[1]
NAMES = ("firmware_templates", "search_spaces")


@pytest.mark.parametrize("name", NAMES)
def test_checkout_has_one_copy_at_the_top(name):
    assert resources.resource_dir(name) == ROOT / name


@pytest.mark.parametrize("name", NAMES)
def test_installed_folder_comes_first(name, tmp_path, monkeypatch):
    installed = tmp_path / "_data" / name
    installed.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path)
    assert resources.resource_dir(name) == installed


def test_missing_folder_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "autotiny")
    with pytest.raises(FileNotFoundError, match="search_spaces"):
        resources.resource_dir("search_spaces")


def can_build() -> bool:
    """Whether the build requirement of pyproject.toml is here, so that nothing is downloaded."""
    return int(version("setuptools").split(".")[0]) >= 77


def test_wheel_carries_every_template_and_search_space(tmp_path):
    if not can_build() and os.environ.get("AUTOTINY_REQUIRE_TOOLCHAIN") != "1":
        pytest.skip("building a wheel without downloads needs setuptools 77 or newer")
    if not (ROOT / ".git").exists():
        pytest.skip("the files of the project are listed by git")
    source = tmp_path / "source"  # a build leaves files behind; not in the checkout
    files = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(["git", *files], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    isolation = ["--no-build-isolation"] if can_build() else []
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *isolation]
    subprocess.run([*pip, "-w", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("autotiny-*.whl")
    packed = zipfile.ZipFile(wheel)
    for folder in NAMES:
        for path in (source / folder).rglob("*"):
            if path.is_file():
                inside = f"autotiny/_data/{path.relative_to(source).as_posix()}"
                assert packed.read(inside) == path.read_bytes()
    modules = {path.relative_to(source).as_posix() for path in (source / "autotiny").rglob("*.py")}
    assert modules <= set(packed.namelist())
    assert not [name for name in packed.namelist() if name.startswith(("tests", "benchmarks"))]
