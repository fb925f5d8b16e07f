"""Base-model families: from a task's shapes and a few numbers to a network."""

from collections.abc import Callable, Mapping
from typing import Any

from autotiny.errors import InputError
from autotiny.networks.families.cnn import CnnOptions, build_cnn
from autotiny.networks.families.ds_cnn import DsCnnOptions, build_ds_cnn
from autotiny.networks.families.mlp import MlpOptions, build_mlp
from autotiny.networks.graph import Network
from autotiny.networks.layers import Shape

#: Family name to its options and builder; a new family joins here and in search_spaces/.
FAMILIES: dict[str, tuple[Any, Callable[..., Network]]] = {
    "mlp": (MlpOptions, build_mlp),
    "cnn": (CnnOptions, build_cnn),
    "ds_cnn": (DsCnnOptions, build_ds_cnn),
}


def build_network(
    family: str, options: Mapping[str, Any], input_shape: Shape, classes: int
) -> Network:
    """Return the full-width network of a family for a task's shapes.

    Args:
        family: ``mlp``, ``cnn`` or ``ds_cnn``.
        options: The ``base:`` section of a search space, already validated.
        input_shape: One sample, without batch.
        classes: Number of outputs.

    Raises:
        InputError: If the family cannot take samples of that shape.
    """
    options_type, builder = FAMILIES[family]
    try:
        network = builder(options_type(**options), input_shape, classes)
        _ = network.output_shape
    except ValueError as error:
        raise InputError(
            f"A {family} base model does not fit samples of shape {input_shape}: {error}"
        ) from None
    return network
