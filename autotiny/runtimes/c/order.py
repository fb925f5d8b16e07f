"""In which order a model's steps run: of all that its graph allows, the one of least memory."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from autotiny.runtimes.c.memory import plan_memory
from autotiny.runtimes.c.program import Program, Step

#: States of the search; a model with more parallel branches than these cover keeps its order.
_MOST_STATES = 20_000


def in_best_order(program: Program) -> Program:
    """Return the program with its steps in the order whose memory plan is smallest.

    The bytes that are alive behind a set of steps depend on the set alone, so the search is one
    for the path of least peak through the sets that the graph allows (Liberis and Lane, "Neural
    networks on microcontrollers: saving memory at inference via operator reordering", 2019), here
    with what steps may write over their own inputs. The model's own order is kept where no other
    is better.
    """
    graph = _Graph(program)
    if graph.is_chain or (order := _least_peak(graph)) is None or order == list(graph.places):
        return program
    found = replace(program, steps=tuple(program.steps[place] for place in order))
    better = plan_memory(found).size < plan_memory(program).size
    return found if better else program


def peak_bytes(program: Program) -> int:
    """Return the most bytes that are alive at once, in the program's order.

    What a step may write over its own input counts once. No memory plan is smaller, unless
    several steps work in one place.
    """
    graph = _Graph(program)
    peak = done = 0
    for place in graph.places:
        peak = max(peak, graph.bytes_at(place, done))
        done |= 1 << place
    return peak


@dataclass(frozen=True)
class _Graph:
    """Which steps need which, and what is alive when; sets of steps are bits of an integer."""

    program: Program

    @property
    def places(self) -> range:
        return range(len(self.program.steps))

    @cached_property
    def writers(self) -> Mapping[int, int]:
        """Steps that write each slot."""
        found: dict[int, int] = {}
        for place, step in enumerate(self.program.steps):
            found[step.output] = found.get(step.output, 0) | 1 << place
        return found

    @cached_property
    def readers(self) -> Mapping[int, int]:
        """Steps that read each slot."""
        found: dict[int, int] = {}
        for place, step in enumerate(self.program.steps):
            for slot in step.inputs:
                found[slot] = found.get(slot, 0) | 1 << place
        return found

    @cached_property
    def needs(self) -> Sequence[int]:
        """Steps that must have run before each step: all that write what it reads."""
        found = []
        for step in self.program.steps:
            before = 0
            for slot in step.inputs:
                before |= self.writers.get(slot, 0)
            found.append(before)
        return found

    @property
    def is_chain(self) -> bool:
        """Whether the graph allows one order alone."""
        done = 0
        for place in self.places:
            if list(self.ready(done)) != [place]:
                return False
            done |= 1 << place
        return True

    def ready(self, done: int) -> Iterator[int]:
        """Yield the steps that may run next."""
        for place, needed in enumerate(self.needs):
            if not done >> place & 1 and needed & ~done == 0:
                yield place

    def alive(self, done: int) -> Iterator[int]:
        """Yield the slots that are written, at least in part, and needed by later steps."""
        for slot in self.program.sizes:
            written = slot == self.program.input.slot or self.writers.get(slot, 0) & done
            if written and (
                slot == self.program.output.slot
                or (self.readers.get(slot, 0) | self.writers.get(slot, 0)) & ~done
            ):
                yield slot

    def bytes_at(self, place: int, done: int) -> int:
        """Return the bytes that are alive while a step runs behind others."""
        step, sizes = self.program.steps[place], self.program.sizes
        there = set(self.alive(done))
        total = sum(sizes[slot] for slot in there | {step.output}) + step.scratch
        if step.output in there:
            return total  # it adds to what another step began
        last = [
            position
            for position, slot in enumerate(step.inputs)
            if self.readers[slot] & ~done == 1 << place and slot != self.program.output.slot
        ]
        return total - max((_shared(step, position, sizes) for position in last), default=0)


def _shared(step: Step, position: int, sizes: Mapping[int, int]) -> int:
    """Return how many bytes of an input the output may take."""
    source, sink = sizes[step.inputs[position]], sizes[step.output]
    if step.in_place and position == 0:
        return min(source, sink)
    margin = step.margins[position]
    if margin is None:
        return 0
    return max(0, source + sink - max(sink, source + max(0, -margin)))


def _least_peak(graph: _Graph) -> list[int] | None:
    """Return the order of least peak; None if there are too many to try."""
    everything = (1 << len(graph.places)) - 1
    best: dict[int, tuple[int, int]] = {}
    waiting: list[tuple[int, int, int, tuple[int, ...]]] = [(0, 0, 0, ())]
    while waiting:
        peak, total, done, order = heapq.heappop(waiting)
        if done == everything:
            return list(order)
        for place in graph.ready(done):
            now = graph.bytes_at(place, done)
            cost, after = (max(peak, now), total + now), done | 1 << place
            if after in best and best[after] <= cost:
                continue
            best[after] = cost
            if len(best) > _MOST_STATES:
                return None
            heapq.heappush(waiting, (*cost, after, (*order, place)))
    return None
