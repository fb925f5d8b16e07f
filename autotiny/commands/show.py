"""``autotiny show``."""

from rich import box
from rich.table import Table

from autotiny.evaluation import device_accuracy
from autotiny.front import TrialRecord
from autotiny.report.console import console
from autotiny.report.tables import cost_line, footprint_table
from autotiny.study import Search


def show_trial(name: str, number: int, test: bool, trust: bool = False) -> None:
    """Print everything about one trial; only ``test`` touches the test split."""
    search = Search.open(name, trusted=trust)
    record, out = search.record(number), console()
    scores = _scores(search, record, test)  # before anything is printed: it may be refused
    out.print(f"Trial {number} of {name}", style="bold")
    out.print(_pairs("hyperparameter", {k: _number(v) for k, v in record.parameters.items()}))
    for parameter, reason in record.dropped.items():
        out.print(f"  {parameter} was dropped: {reason}.")
    out.print(_plan(record))
    out.print(footprint_table(record.footprint, search.config.budget))
    footprint = record.footprint
    if (bound := record.predicted.get("flash_bytes")) is not None:
        out.print(
            f"  {bound:,} B of flash were predicted before training, as an upper bound; it takes "
            f"{bound - footprint.flash_bytes:,} B less."
        )
    count = footprint.instructions
    work = "an unknown number of" if count is None else f"{count:,}"
    out.print(
        f"  {footprint.macs:,} MACs, {footprint.params:,} parameters (measured), "
        f"{work} instructions per inference (predicted)"
    )
    if costs := cost_line(footprint):
        out.print(f"  {costs}")
    if not scores:
        out.print("  Never trained: over budget.")
        return
    out.print(_pairs("accuracy", {key: f"{value:.4f}" for key, value in scores.items()}))


def _scores(search: Search, record: TrialRecord, test: bool) -> dict[str, float]:
    """Return what was measured of a trial; nothing if it was never trained."""
    if record.accuracy is None:
        return {}
    runtime = search.runtime
    scores = {
        "validation, LiteRT (measured)": record.accuracy,
        f"validation, {runtime.name} (measured)": search.device_score(record),
    }
    if test:
        model, image = (search.folder.get_artifact(record, kind) for kind in ("model", "image"))
        score = device_accuracy(runtime, model, image, search.task.test)
        scores[f"test, {runtime.name} (measured)"] = score
    return scores


def _plan(record: TrialRecord) -> Table:
    """Return the precision plan and the encoding of each weight layer."""
    from autotiny.precision import INT8

    table = Table(box=box.SIMPLE_HEAD)
    for title in ("layer", "precision", "weights stored as"):
        table.add_column(title, no_wrap=True)
    stored = {name.removesuffix("/kernel"): code for name, code in record.encodings.items()}
    for layer in {**stored, **record.plan}:
        table.add_row(layer, record.plan.get(layer, str(INT8)), stored.get(layer, "-"))
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
