"""Plans that are given rather than found: the same bits everywhere, or bits for each layer."""

from collections.abc import Iterable, Mapping

from autotiny.errors import InputError
from autotiny.networks.graph import Network
from autotiny.networks.precision import INT8, LayerPrecision, PrecisionPlan
from autotiny.runtimes._base import PrecisionCosts

#: Where a plan comes from: measured sensitivities, one number of bits, or one for each layer.
MODES = ("sensitivity", "uniform", "free")
#: Bits that weights and activations may have.
WEIGHT_BITS, ACTIVATION_BITS = (8, 4, 3, 2, 1), (8, 16)


def given_plan(
    network: Network,
    bits: int,
    activation_bits: int,
    costs: PrecisionCosts,
    layer_bits: Mapping[str, int] | None = None,
) -> PrecisionPlan:
    """Return the plan of given bits; what a target has no kernel for stays int8.

    Four bits are a uniform grid where the target has that, else clustered, as fewer bits always
    are. Activations of 16 bits go with weights of 8: no kernel takes others.

    Args:
        network: The student.
        bits: Of the weights of every layer.
        activation_bits: Of the activations of layers whose weights have 8 bits.
        costs: What the target runs.
        layer_bits: Layer name to the bits of its weights, where those are others.
    """
    plan = {}
    for layer in network.weight_layers:
        own = (layer_bits or {}).get(layer.name, bits)
        legal = costs.options.get(layer.name, ())
        wanted = (
            (LayerPrecision(activation_bits=activation_bits),)
            if own == INT8.weight_bits
            else (LayerPrecision(own), LayerPrecision(own, clustered=True))
        )
        if found := next((precision for precision in wanted if precision in legal), None):
            plan[layer.name] = found
    return plan


def check_layers(network: Network, named: Iterable[str]) -> None:
    """Raise InputError if a name is not that of a layer with weights."""
    layers = [layer.name for layer in network.weight_layers]
    for name in named:
        if name not in layers:
            raise InputError(
                f"parameters.bits.{name} must name a layer with weights, one of "
                f"{', '.join(layers)}; got {name!r}."
            )
