"""Packages in their order, arrows downwards only, no circles, modules of a size to be read."""

import ast
import statistics
from pathlib import Path

ROOT = Path(__file__).parents[1] / "autotiny"
#: From bottom to top: a part may use those before it.
ORDER = (
    "errors", "quiet", "units", "files", "yaml_text", "problems", "resources", "tensorflow_setup",
    "user_code", "tasks", "networks", "tflite", "readers", "lowering", "runtimes", "devices",
    "budget",
    "evaluation", "compression", "training", "hyperparameters", "candidate", "base_model",
    "teacher", "students", "pipeline", "export", "conversion", "study", "report", "cli_options",
    "commands", "cli_files", "cli_trials", "cli", "__main__",
)  # fmt: skip
MOST_LINES, MEDIAN_LINES = 400, 150


def modules():
    """Return every module by its dotted name."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = ("autotiny", *path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(path):
    """Yield the modules of ours that a module imports anywhere, for more than its annotations."""
    tree = ast.parse(path.read_text())
    hidden = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in hidden or not isinstance(node, ast.ImportFrom):
            continue
        if (node.module or "").split(".")[0] == "autotiny":
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                while name not in MODULES:
                    name = name.rpartition(".")[0]
                yield name


GRAPH = {name: set(imports(path)) - {name} for name, path in MODULES.items()}


def part(name):
    return name.split(".")[1] if "." in name else ""


def test_every_part_has_its_place():
    assert {part(name) for name in MODULES} - {""} == set(ORDER)


def test_arrows_point_downwards():
    upwards = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if part(name) and part(other) and ORDER.index(part(other)) > ORDER.index(part(name))
    ]
    assert not upwards


def test_there_is_no_circle():
    left = {name: set(others) for name, others in GRAPH.items()}
    while leaves := [name for name, others in left.items() if not others]:
        for leaf in leaves:
            del left[leaf]
        for others in left.values():
            others.difference_update(leaves)
    assert not left, f"in a circle, or above one: {sorted(left)}"


def test_modules_are_of_a_size_to_be_read():
    lines = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name for name, count in lines.items() if count > MOST_LINES} == set()
    assert statistics.median(lines.values()) <= MEDIAN_LINES


def test_no_runtime_is_assumed_outside_of_runtimes():
    allowed = {"autotiny.devices._device", "autotiny.devices._load"}  # a device has a TFLM version
    knowing = {
        name
        for name, others in GRAPH.items()
        if part(name) != "runtimes" and any(o.startswith("autotiny.runtimes.tflm") for o in others)
    }
    assert knowing == allowed
