"""Base-model families: from a task's shapes and a few numbers to a network."""

from collections.abc import Callable, Mapping
from typing import Any

from autotiny.errors import InputError
from autotiny.networks.families.autoencoder import AutoencoderOptions, build_autoencoder
from autotiny.networks.families.cnn import CnnOptions, build_cnn
from autotiny.networks.families.cnn1d import Cnn1dOptions, build_cnn1d
from autotiny.networks.families.ds_cnn import DsCnnOptions, build_ds_cnn
from autotiny.networks.families.mlp import MlpOptions, build_mlp
from autotiny.networks.families.mobilenet_v1 import MobileNetV1Options, build_mobilenet_v1
from autotiny.networks.families.mobilenet_v2 import MobileNetV2Options, build_mobilenet_v2
from autotiny.networks.families.resnet import ResnetOptions, build_resnet
from autotiny.networks.families.squeeze import SqueezeOptions, build_squeeze
from autotiny.networks.families.tcn import TcnOptions, build_tcn
from autotiny.networks.graph import Network
from autotiny.networks.layers import Shape

#: Family name to its options and builder; a new family joins here and in search_spaces/.
FAMILIES: dict[str, tuple[Any, Callable[..., Network]]] = {
    "mlp": (MlpOptions, build_mlp),
    "cnn": (CnnOptions, build_cnn),
    "ds_cnn": (DsCnnOptions, build_ds_cnn),
    "mobilenet_v1": (MobileNetV1Options, build_mobilenet_v1),
    "mobilenet_v2": (MobileNetV2Options, build_mobilenet_v2),
    "resnet": (ResnetOptions, build_resnet),
    "squeeze": (SqueezeOptions, build_squeeze),
    "cnn1d": (Cnn1dOptions, build_cnn1d),
    "tcn": (TcnOptions, build_tcn),
    "autoencoder": (AutoencoderOptions, build_autoencoder),
}


def build_network(
    family: str, options: Mapping[str, Any], input_shape: Shape, outputs: int
) -> Network:
    """Return the full-width network of a family for a task's shapes.

    Args:
        family: One of ``FAMILIES``.
        options: The ``base:`` section of a search space, already validated.
        input_shape: One sample, without batch.
        outputs: How many values the network gives.

    Raises:
        InputError: If the family cannot take samples of that shape.
    """
    options_type, builder = FAMILIES[family]
    try:
        network = builder(options_type(**options), input_shape, outputs)
        _ = network.output_shape
    except ValueError as error:
        raise InputError(
            f"A {family} base model does not fit samples of shape {input_shape}: {error}"
        ) from None
    return network
