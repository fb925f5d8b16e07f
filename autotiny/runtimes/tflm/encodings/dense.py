"""Dense int8: one byte per weight, read where it lies in flash."""

from dataclasses import dataclass

from autotiny.runtimes.tflm.encodings._base import Encoded, Weights


@dataclass(frozen=True)
class Dense:
    """The plain form that every kernel reads."""

    name: str = "int8"
    needs_decode: bool = False
    gains_by_zeros: bool = False
    bounded: bool = True

    def refusal(self, weights: Weights) -> str | None:
        """Take any int8 values."""
        return None

    def sizes(self, weights: Weights) -> tuple[int, ...]:
        """Return n."""
        return (weights.size,)

    def encode(self, weights: Weights) -> Encoded:
        """Return the values as they are."""
        return Encoded(weights.values.tobytes())
