"""``autotiny show``."""

from rich import box
from rich.table import Table

from autotiny.evaluation import device_accuracy
from autotiny.front import TrialRecord
from autotiny.report.console import console
from autotiny.report.tables import cost_line, footprint_table
from autotiny.study import Search


def show_trial(name: str, number: int, test: bool) -> None:
    """Print everything about one trial; only ``test`` touches the test split."""
    search = Search.open(name)
    record, out = search.record(number), console()
    out.print(f"Trial {number} of {name}", style="bold")
    out.print(_pairs("hyperparameter", {k: _number(v) for k, v in record.parameters.items()}))
    out.print(_plan(search, record))
    out.print(footprint_table(record.footprint, search.config.budget))
    footprint = record.footprint
    count = footprint.instructions
    work = "an unknown number of" if count is None else f"{count:,}"
    out.print(
        f"  {footprint.macs:,} MACs, {footprint.params:,} parameters (measured), "
        f"{work} instructions per inference (predicted)"
    )
    if costs := cost_line(footprint):
        out.print(f"  {costs}")
    if record.accuracy is None:
        out.print("  Never trained: over budget.")
        return
    scores = {"validation, LiteRT (measured)": record.accuracy}
    model, image = (search.folder.get_artifact(record, kind) for kind in ("model", "image"))
    scores[f"validation, {search.runtime.name} (measured)"] = search.device_score(record)
    if test:
        scores[f"test, {search.runtime.name} (measured)"] = device_accuracy(
            search.runtime, model, image, search.task.test
        )
    out.print(_pairs("accuracy", {key: f"{value:.4f}" for key, value in scores.items()}))


def _plan(search: Search, record: TrialRecord) -> Table:
    """Return the precision plan and the encoding of each weight layer."""
    from autotiny.precision import INT8

    table = Table(box=box.SIMPLE_HEAD)
    for title in ("layer", "precision", "weights stored as"):
        table.add_column(title, no_wrap=True)
    for layer in search.base_network.weight_layers:
        stored = record.encodings.get(f"{layer.name}/kernel", "-")
        table.add_row(layer.name, record.plan.get(layer.name, str(INT8)), stored)
    return table


def _pairs(title: str, values: dict[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(title, no_wrap=True)
    table.add_column("value", justify="right")
    for key, value in values.items():
        table.add_row(key, value)
    return table


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
