"""What earlier versions stored, as this one takes it.

A study says by ``format`` in its ``config.yaml`` how its records are to be read. Every format up to
this version's is; a later one is refused with the version that made it.

| format | version | what changed |
| --- | --- | --- |
| 1 | 0.1.0 | no ``format``; a cost that is not known counts as 0 in latency and energy |
| 2 | 0.2.0 | draws of their own, upper bounds, dropped hyperparameters, errors of figures |
| 3 | 0.3.0 | kind of task, metric, class weights, layout, head; networks that are graphs |
| 4 | 0.4.0 | which runtime: compiled C beside TFLM |
"""

from collections.abc import Mapping
from typing import Any

from autotiny.errors import InputError
from autotiny.runtimes._base import Footprint

#: Of the studies that this version makes.
FORMAT = 4


def check_format(content: Mapping[str, Any], where: str) -> None:
    """Refuse a study of a later format.

    Args:
        content: Keys of a ``config.yaml``.
        where: Names the study in the error.

    Raises:
        InputError: If this version cannot read it.
    """
    found = content.get("format", 1)
    if isinstance(found, int) and found > FORMAT:
        raise InputError(
            f"{where} must have a format up to {FORMAT}; it has {found}, of autotiny "
            f"{content.get('version', 'unknown')}: install that version or a later one."
        )


def read_footprint(stored: Mapping[str, Any]) -> Footprint:
    """Return a footprint of any format.

    Format 1 counted an operator without a known cost as taking no time, and said so only in the
    figure's origin: instructions, latency and energy of such a model are not known.
    """
    fields = dict(stored)
    if "not accounted for" in str(dict(fields.get("origins", {})).get("instructions")):
        fields |= {"instructions": None, "latency_s": None, "energy_mj": None}
    return Footprint(**fields)
