"""From a full quantised .tflite to the smallest image that a target runs bit for bit.

Every weight tensor gets the encoding that makes image plus runtime code smallest; among equals the
one with the smaller arena, then the one without DECODE. An arena limit rules out what it cannot
hold.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

from autotiny.errors import InputError
from autotiny.runtimes._base import Packed, Target
from autotiny.runtimes.tflm.arena import predict_arena
from autotiny.runtimes.tflm.code_size import runtime_bytes
from autotiny.runtimes.tflm.encodings import ENCODINGS, HEADER_BYTES, Weights
from autotiny.runtimes.tflm.graph import INT4, INT8, Graph, Tensor, read_graphs
from autotiny.runtimes.tflm.image import write_image
from autotiny.runtimes.tflm.planner import align_up
from autotiny.runtimes.tflm.rewrite import (
    WEIGHTED,
    Slot,
    apply,
    decode_overhead_bytes,
    stored_bytes,
    weights_index,
    weights_of,
)
from autotiny.runtimes.tflm.selection import Option, choose, modelled_arena
from autotiny.runtimes.tflm.storage_rules import refusal
from autotiny.runtimes.tflm.versions import has_feature
from autotiny.tflite.reader import read_model

_DECODE = "TFLM_DECODE"
#: What a DECODE operator keeps in the arena's tail: node, two tensors and its state, aligned.
_DECODE_KEEPS_BYTES = 128
_NAMES = {INT8: "int8", INT4: "int4"}


def pack(
    model: bytes,
    target: Target,
    *,
    arena_limit: int | None = None,
    grow_arena: bool = True,
    encodings: Mapping[str, str] | None = None,
    allowed: Collection[str] | None = None,
) -> Packed:
    """Return the image of a model and how each weight tensor is stored in it.

    Args:
        model: Full quantised .tflite with tensor names.
        target: What the image must run on.
        arena_limit: Arena bytes that the choice of encodings must not exceed; None: no limit. A
            model that is larger whatever its encodings gets the ones with the smallest arena.
        grow_arena: Whether decoded weights may raise the arena above the dense model's. If not,
            only what fits under the existing peak is compressed, and that is free but for the few
            bytes that a DECODE operator keeps.
        encodings: Encoding by tensor name, used whatever it costs.
        allowed: Names of the encodings to choose from, int8 always among them; None: all.

    Raises:
        InputError: If the model cannot be read, or an encoding asked for is unknown or refused.
        UnsupportedModelError: If there is a limit and the arena of the model cannot be predicted.
    """
    packer = _Packer(read_graphs(model), target, encodings or {}, allowed)
    if not grow_arena:
        free = packer.free_arena_limit()
        arena_limit = free if arena_limit is None else min(free, arena_limit)
    return packer.pack(arena_limit)


class _Packer:
    """One model on one target."""

    def __init__(
        self,
        graphs: tuple[Graph, ...],
        target: Target,
        forced: Mapping[str, str],
        allowed: Collection[str] | None,
    ) -> None:
        self._graphs, self._graph, self._target = graphs, graphs[0], target
        self._weights = {s: weights_of(self._graph.tensors[s.tensor]) for s in _slots(graphs[0])}
        for name in (*forced.values(), *(allowed or ())):
            if name not in ENCODINGS:
                raise InputError(
                    f"An encoding must be one of {', '.join(ENCODINGS)}; got {name!r}."
                )
        self._allowed = set(ENCODINGS) if allowed is None else {"int8", *allowed}
        self._forced = {self._find(name, code): code for name, code in forced.items()}

    def pack(self, arena_limit: int | None) -> Packed:
        """Return the image with the least flash, of those within the limit if there are any."""
        live, tail = self._dense_arena() if arena_limit is not None else ({}, 0)
        results = []
        for decode in (False, True) if self._decode_may_pay() else (False,):
            options = self._options(live, decode=decode)
            results.append(self._fit(options, tail, arena_limit))
        # Least flash by the real sizes of the images, which padding and shared shapes decide.
        choice, image, _ = min(results, key=lambda r: (r[2], len(r[1]) + self._code(r[0])))
        return self._packed(choice, image)

    def free_arena_limit(self) -> int:
        """Return the arena of the dense image and what a DECODE for each tensor would keep."""
        image = self._image(dict.fromkeys(self._weights, "int8"))
        dense = predict_arena(read_model(image), self._target).smallest
        return dense + _DECODE_KEEPS_BYTES * len(self._weights)

    def _fit(
        self, options: Mapping[Slot, Sequence[Option]], tail: int, arena_limit: int | None
    ) -> tuple[Mapping[Slot, str], bytes, int]:
        """Return choice, image, and bytes above the limit.

        ``selection`` takes the planner to waste nothing and the tail to grow evenly. Where the true
        arena is larger than that, the choice is made again with as much less, until none is left.
        """
        head_limit, last = None, None
        while True:
            chosen = self._choose(options, head_limit)
            choice = {slot: o.encoding for slot, o in zip(options, chosen, strict=True)}
            image = self._image(choice)
            if arena_limit is None:
                return choice, image, 0
            excess = predict_arena(read_model(image), self._target).smallest - arena_limit
            if excess <= 0 or chosen == last:
                return choice, image, max(0, excess)
            head_limit = min(arena_limit - tail, modelled_arena(chosen) - excess)
            last = chosen

    def _dense_arena(self) -> tuple[Mapping[int, int], int]:
        """Return what lives while each operator runs, and the tail, with all weights dense int8."""
        image = self._image(dict.fromkeys(self._weights, "int8"))
        arena = predict_arena(read_model(image), self._target)
        live = {
            position: sum(b.size for b in arena.buffers if b.first <= position + 1 <= b.last)
            for position in range(len(self._graph.operators))
        }
        return live, arena.tail

    def _choose(
        self, options: Mapping[Slot, Sequence[Option]], head_limit: int | None
    ) -> list[Option]:
        code = self._decode_code_bytes
        return choose(list(options.values()), decode_code_bytes=code, head_limit=head_limit)

    def _options(self, live: Mapping[int, int], *, decode: bool) -> dict[Slot, list[Option]]:
        """Return what is possible for each slot; forced encodings leave no choice."""
        result = {}
        for slot, weights in self._weights.items():
            names = [self._forced[slot]] if slot in self._forced else self._possible(slot, decode)
            result[slot] = [
                Option(
                    encoding=name,
                    flash_bytes=stored_bytes(name, weights),
                    head_bytes=live.get(slot.operator, 0) + self._buffer_bytes(name, weights),
                    needs_decode=ENCODINGS[name].needs_decode,
                )
                for name in names
            ]
        return result

    def _possible(self, slot: Slot, decode: bool) -> list[str]:
        return [
            name
            for name in ENCODINGS
            if name in self._allowed
            and (decode or not ENCODINGS[name].needs_decode)
            and self._refusal(slot, name) is None
        ]

    def _buffer_bytes(self, name: str, weights: Weights) -> int:
        """Return the arena that weights take while their operator runs."""
        unpacked = name == "int4" and self._target.kernels == "reference"
        return align_up(weights.size) if unpacked or ENCODINGS[name].needs_decode else 0

    def _decode_may_pay(self) -> bool:
        """Whether DECODE's code costs less than the most that encoding can save."""
        if any(ENCODINGS[name].needs_decode for name in self._forced.values()):
            return True
        allowed = any(ENCODINGS[name].needs_decode for name in self._allowed)
        if not allowed or not has_feature(self._target, "decode"):
            return False
        return sum(map(_most_saved, self._weights.values())) > self._decode_code_bytes

    @cached_property
    def _decode_code_bytes(self) -> int:
        """Flash that the target's DECODE operator adds, if it has one, to those of this model."""
        if not has_feature(self._target, "decode"):
            return 0
        weighted = {WEIGHTED[self._graph.operators[slot.operator].code] for slot in self._weights}
        return runtime_bytes({*weighted, _DECODE}, self._target) - runtime_bytes(
            weighted, self._target
        )

    @property
    def _alignment(self) -> int:
        """4 does on Cortex-M; vector kernels elsewhere may count on the TFLite converter's 16."""
        return 4 if self._target.core.startswith("cortex-m") else 16

    def _code(self, choice: Mapping[Slot, str]) -> int:
        decodes = any(ENCODINGS[name].needs_decode for name in choice.values())
        return self._decode_code_bytes if decodes else 0

    def _image(self, choice: Mapping[Slot, str]) -> bytes:
        return write_image(apply(self._graphs, choice), alignment=self._alignment)

    def _packed(self, choice: Mapping[Slot, str], image: bytes) -> Packed:
        encodings = {
            tensor.name: _NAMES[tensor.type]
            for graph in self._graphs
            for _, _, tensor in _weight_tensors(graph)
        }
        encodings |= {self._graph.tensors[slot.tensor].name: name for slot, name in choice.items()}
        sparse = {name for name, code in encodings.items() if ENCODINGS[code].gains_by_zeros}
        return Packed(image, encodings, frozenset(sparse))

    def _refusal(self, slot: Slot, encoding: str) -> str | None:
        operator = self._graph.operators[slot.operator]
        return refusal(encoding, self._weights[slot], self._graph, operator, self._target)

    def _find(self, name: str, encoding: str) -> Slot:
        """Return the slot of a tensor that can be stored as asked.

        Raises:
            InputError: With the reason why it cannot.
        """
        for slot in self._weights:
            if self._graph.tensors[slot.tensor].name == name:
                reason = self._refusal(slot, encoding)
                break
        else:
            reason = _no_slot_reason(self._graph, name)
        if reason is not None:
            raise InputError(f"Tensor {name!r} cannot be stored as {encoding} because {reason}.")
        return slot


def _most_saved(weights: Weights) -> int:
    """Return a bound on what DECODE can save: it stores a bit per value, unless all are equal."""
    least = 0 if weights.values.min() == weights.values.max() else weights.size // 8
    return max(0, weights.size - least - HEADER_BYTES - decode_overhead_bytes())


def _weight_tensors(graph: Graph) -> Iterator[tuple[int, int, Tensor]]:
    """Yield operator position, index and tensor of all constant int8 and int4 weights."""
    for position, operator in enumerate(graph.operators):
        index = weights_index(operator)
        if index is not None:
            tensor = graph.tensors[index]
            if tensor.data is not None and tensor.type in _NAMES and not tensor.is_variable:
                yield position, index, tensor


def _slots(graph: Graph) -> Iterator[Slot]:
    """Yield where weights can be encoded: those with one use."""
    for position, index, _ in _weight_tensors(graph):
        if len(list(graph.uses(index))) == 1 and index not in graph.outputs:
            yield Slot(position, index)


def _no_slot_reason(graph: Graph, name: str) -> str:
    """Return why a tensor of this name has no slot."""
    for index, tensor in enumerate(graph.tensors):
        if tensor.name != name:
            continue
        if tensor.data is None:
            return "only constants can be encoded and it is an activation"
        uses = len(list(graph.uses(index)))
        if uses > 1:
            return f"weights must have one use, as DECODE runs right before it, and it has {uses}"
        return (
            f"only int8 or int4 weights of {', '.join(WEIGHTED.values())} can be encoded and it "
            "is none"
        )
    names = ", ".join(graph.tensors[slot.tensor].name for slot in _slots(graph))
    return f"the model has no such tensor (its weights are {names or 'none'})"
