"""Where each activation lies in the one work buffer."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autotiny.runtimes.c.program import Program

#: Orders of placement that are tried beyond the obvious ones.
_TRIES = 200


@dataclass(frozen=True)
class Plan:
    """A memory plan.

    Attributes:
        offsets: First byte of each activation, by slot.
        size: Bytes of the buffer.
        alignment: Bytes of a value of the buffer: 2 if any activation has such values.
    """

    offsets: Mapping[int, int]
    size: int
    alignment: int = 1


@dataclass(frozen=True)
class _Pair:
    """Two activations that are there at the same time.

    Attributes:
        other: The slot of the other one.
        ahead: The other is the input that this output may overlap: this may begin at
            ``other + ahead`` at the latest. None if it may not.
        behind: This is the input that the other, an output, may overlap, likewise.
        together: They may lie at exactly the same place.
    """

    other: int
    ahead: int | None = None
    behind: int | None = None
    together: bool = False


def plan_memory(program: Program, *, seed: int = 0) -> Plan:
    """Place all activations, overlapping where a step can work in place.

    An output may overlap an input that nothing reads later, as far as the step allows it. Placing
    is greedy, each at the lowest place that is free, in several orders of which the best is kept;
    no order can need less than the activations of the fullest step when nothing overlaps.
    """
    pairs, sizes = _pairs(program), sizes_of(program)
    slots = sorted(sizes)
    best = Plan({}, 1 << 60)
    alignment = 2 if program.wide else 1
    for order in _orders(program, slots, sizes, seed):
        offsets = _place(order, pairs, sizes, program.wide)
        size = max((offsets[slot] + sizes[slot] for slot in slots), default=0)
        if size < best.size:
            best = Plan(offsets, -(-size // alignment) * alignment, alignment)
    return best


def sizes_of(program: Program) -> dict[int, int]:
    """Return the bytes of every activation and of every step's scratch, by slot."""
    scratch = {
        slot: step.scratch
        for place, step in enumerate(program.steps)
        if (slot := program.scratch_slot(place)) is not None
    }
    return {**program.sizes, **scratch}


def lifetimes(program: Program) -> dict[int, tuple[int, int]]:
    """Return for each slot the step that writes it first and the one that uses it last.

    The input is there before the first step, the output behind the last.
    """
    spans = {program.input.slot: (-1, -1)}
    for place, step in enumerate(program.steps):
        if (scratch := program.scratch_slot(place)) is not None:
            spans[scratch] = (place, place)
        for slot in (*step.inputs, step.output):
            born = spans.get(slot, (place, place))[0]
            spans[slot] = (born, place)
    spans[program.output.slot] = (spans[program.output.slot][0], len(program.steps))
    return spans


def _pairs(program: Program) -> dict[int, list[_Pair]]:
    spans = lifetimes(program)
    pairs: dict[int, list[_Pair]] = {slot: [] for slot in spans}
    allowed: dict[tuple[int, int], int] = {}
    together: set[frozenset[int]] = set()
    for place, step in enumerate(program.steps):
        for slot, margin in zip(step.inputs, step.margins, strict=True):
            fresh = spans[step.output][0] == place
            if margin is not None and fresh and spans[slot][1] == place and slot != step.output:
                key = (step.output, slot)
                allowed[key] = min(margin, allowed.get(key, margin))
        if step.in_place and spans[step.output][0] == place == spans[step.inputs[0]][1]:
            together.add(frozenset((step.inputs[0], step.output)))
    for a, (a_born, a_last) in spans.items():
        for b, (b_born, b_last) in spans.items():
            if a == b or a_last < b_born or b_last < a_born:
                continue
            same = frozenset((a, b)) in together
            pairs[a].append(_Pair(b, allowed.get((a, b)), allowed.get((b, a)), same))
    return pairs


def _orders(
    program: Program, slots: Sequence[int], sizes: Mapping[int, int], seed: int
) -> Iterable[list[int]]:
    spans = lifetimes(program)
    backward = sorted(slots, key=lambda slot: (-spans[slot][0], -sizes[slot]))
    yield backward
    yield backward[::-1]
    by_size = sorted(slots, key=lambda slot: -sizes[slot])
    yield by_size
    rng = random.Random(seed)
    for base in (by_size, backward):
        for _ in range(_TRIES if len(slots) > 2 else 0):
            order = list(base)
            for _ in range(rng.randint(1, 3)):
                i, j = rng.randrange(len(order)), rng.randrange(len(order))
                order.insert(j, order.pop(i))
            yield order


def _place(
    order: Sequence[int],
    pairs: Mapping[int, Sequence[_Pair]],
    sizes: Mapping[int, int],
    wide: frozenset[int],
) -> dict[int, int]:
    offsets: dict[int, int] = {}
    for slot in order:
        taken = []
        for pair in pairs[slot]:
            if pair.other not in offsets:
                continue
            at = offsets[pair.other]
            low, high = at - sizes[slot] + 1, at + sizes[pair.other]  # allowed: below, and from
            if pair.ahead is not None:
                low = max(low, at + pair.ahead + 1)
            if pair.behind is not None:
                high = min(high, at - pair.behind)
            if pair.together:
                taken += [(low, at), (at + 1, high)]
            elif low < high:
                taken.append((low, high))
        at, alignment = 0, 2 if slot in wide else 1
        for low, high in sorted(taken):
            if low > at:
                break
            at = max(at, -(-high // alignment) * alignment)
        offsets[slot] = at
    return offsets
