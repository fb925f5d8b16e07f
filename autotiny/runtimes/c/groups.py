"""Steps of one kernel as one C function: it holds what they share, fields hold the rest."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from autotiny.runtimes.c.encodings import ENCODINGS
from autotiny.runtimes.c.kernels import KERNELS
from autotiny.runtimes.c.program import Integers, Program, Step

#: C types of integers, smallest first.
_TYPES = (
    ("uint8_t", 0, 2**8 - 1), ("int8_t", -(2**7), 2**7 - 1), ("uint16_t", 0, 2**16 - 1),
    ("int16_t", -(2**15), 2**15 - 1), ("int32_t", -(2**31), 2**31 - 1), ("uint32_t", 0, 2**32 - 1),
)  # fmt: skip
_BYTES = {"uint8_t": 1, "int8_t": 1, "uint16_t": 2, "int16_t": 2, "int32_t": 4, "uint32_t": 4}


@dataclass(frozen=True)
class Group:
    """Steps that one C function does.

    Attributes:
        name: Of the function.
        kernel: Name of its template.
        steps: The steps, as they are written; places in the program beside them.
    """

    name: str
    kernel: str
    steps: tuple[tuple[int, Step], ...]

    @property
    def encoding(self) -> str:
        """How its weights are stored."""
        name = self.steps[0][1].variant.removesuffix("one").rstrip("_")
        return name if name in ENCODINGS else "int8"

    @property
    def whole_blocks(self) -> bool:
        """Whether blocks of four weights, which may be left out, lie in one run of inputs each."""
        depths = [step.numbers.get("depth", 1) for _, step in self.steps]
        return self.encoding == "blocks" and all(depth % 4 == 0 for depth in depths)

    @property
    def is_wide(self) -> bool:
        """Whether values of its inputs or outputs have two bytes."""
        return max(self.steps[0][1].widths) > 1

    @property
    def is_long(self) -> bool:
        """Whether sums need 64 bits."""
        return any(step.largest >= 1 << 31 for _, step in self.steps)

    @cached_property
    def constants(self) -> dict[str, int]:
        """Numbers that all steps share."""
        first = self.steps[0][1].numbers
        return {
            key: value
            for key, value in first.items()
            if all(step.numbers[key] == value for _, step in self.steps)
        }

    @cached_property
    def fields(self) -> dict[str, str]:
        """Numbers in which steps differ, with their C types, largest types first."""
        every = {key: self._values(key) for key in self._differing if key not in self.aliases}
        types = {key: smallest_type(values) for key, values in every.items()}
        return dict(sorted(types.items(), key=lambda item: -_BYTES[item[1]]))

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Numbers that are the same as another in every step, such as both sides of a square."""
        first: dict[tuple[int, ...], str] = {}
        return {
            key: other
            for key in self._differing
            if (other := first.setdefault(tuple(self._values(key)), key)) != key
        }

    @property
    def _differing(self) -> list[str]:
        return [key for key in self.steps[0][1].numbers if key not in self.constants]

    def _values(self, key: str) -> list[int]:
        return [step.numbers[key] for _, step in self.steps]

    @cached_property
    def arrays(self) -> dict[str, str]:
        """Arrays of the steps, with the C types of their elements."""
        names = self.steps[0][1].arrays
        words = KERNELS[self.kernel].words
        return {
            key: "int32_t"
            if key in words
            else smallest_type(
                [
                    int(bound)
                    for _, step in self.steps
                    for bound in (step.arrays[key].min(), step.arrays[key].max())
                ],
                signed=step_is_signed(self.steps[0][1].arrays[key]),
            )
            for key in names
        }

    @property
    def shared(self) -> bool:
        """Whether it is called for several steps, and so is given a structure."""
        return len(self.steps) > 1 and bool(self.fields or self.arrays)


def step_is_signed(values: Integers) -> bool:
    """Whether an array's elements are signed: its kernel reads them as such."""
    return bool(np.issubdtype(values.dtype, np.signedinteger))


def smallest_type(values: Sequence[int], *, signed: bool | None = None) -> str:
    """Return the smallest C type that holds all values."""
    low, high = min(values), max(values)
    for name, least, most in _TYPES:
        if signed is not None and signed == name.startswith("u"):
            continue
        if least <= low and high <= most:
            return name
    raise ValueError(f"no C type holds {low} to {high}")


def groups_of(program: Program) -> tuple[Group, ...]:
    """Return the functions of a program's steps: one for each kernel, more where it is worth it."""
    made = []
    for kernel, numbered in _by(enumerate(program.steps), lambda step: step.kernel):
        every = _alike(numbered)
        for number, part in enumerate(every):
            formed = _zipped(part, KERNELS[kernel].forms)
            for _, pairs in _by(formed, _form):
                step = pairs[0][1]
                parts = [kernel, *_form(step).split(), str(number) if len(every) > 1 else ""]
                pairs = _zipped(pairs, KERNELS[kernel].compact)
                made.append(Group("_".join(filter(None, parts)), kernel, tuple(pairs)))
    return tuple(made)


def _form(step: Step) -> str:
    """Return what tells the functions of a kernel apart, in words."""
    words = [step.variant]
    if step.widths != (1, 1):
        words += [str(8 * width) for width in step.widths]
    return " ".join(filter(None, [*words, "reduced" if step.reduced else ""]))


def _alike(pairs: Sequence[tuple[int, Step]]) -> list[list[tuple[int, Step]]]:
    """Return the steps that one function does.

    All that need none of their own, and of the others those whose numbers, which are written into
    it, are the same.
    """
    found: dict[object, list[tuple[int, Step]]] = {}
    for place, step in pairs:
        key: object = step.cold
        if step.own:
            arrays = frozenset((name, array.size == 1) for name, array in step.arrays.items())
            key = (step.variant, arrays, frozenset(step.numbers.items()))
        found.setdefault(key, []).append((place, step))
    return list(found.values())


_Numbered = Iterable[tuple[int, Step]]


def _by(
    pairs: _Numbered, key: Callable[[Step], str]
) -> Iterator[tuple[str, list[tuple[int, Step]]]]:
    ordered = sorted(pairs, key=lambda pair: (key(pair[1]), pair[0]))
    for name, found in groupby(ordered, lambda pair: key(pair[1])):
        yield name, list(found)


def _zipped(
    pairs: list[tuple[int, Step]], change: Callable[[Sequence[Step]], Sequence[Step]]
) -> list[tuple[int, Step]]:
    places, steps = zip(*pairs, strict=True)
    return list(zip(places, change(steps), strict=True))


def largest_array_bytes(groups: Sequence[Group]) -> int:
    """Return the bytes of the largest array of constants."""
    return max(
        (
            step.arrays[key].size * _BYTES[ctype]
            for group in groups
            for key, ctype in group.arrays.items()
            for _, step in group.steps
        ),
        default=0,
    )


def constant_bytes(groups: Sequence[Group]) -> int:
    """Return the bytes of all constants: arrays, equal ones once, and structures, aligned."""
    seen: set[tuple[str, bytes]] = set()
    size = 0
    for group in groups:
        for _, step in group.steps:
            for key, ctype in group.arrays.items():
                name = (ctype, step.arrays[key].astype(np.int64).tobytes())
                if name not in seen:
                    seen.add(name)
                    width = _BYTES[ctype]
                    size = _aligned(size, width) + step.arrays[key].size * width
    for group in groups:
        if group.shared:
            size = _aligned(size, 4) + _structure_bytes(group) * len(group.steps)
    return size


def own_constant_bytes(groups: Sequence[Group]) -> dict[int, int]:
    """Return the bytes of the constants that no other step uses, by the places of the steps.

    What is missing of all are arrays that several steps use, and gaps for alignment.
    """
    users: dict[tuple[str, bytes], set[int]] = {}
    sizes: dict[tuple[str, bytes], int] = {}
    for group in groups:
        for place, step in group.steps:
            for key, ctype in group.arrays.items():
                name = (ctype, step.arrays[key].astype(np.int64).tobytes())
                users.setdefault(name, set()).add(place)
                sizes[name] = step.arrays[key].size * _BYTES[ctype]
    own = {
        place: _structure_bytes(group) if group.shared else 0
        for group in groups
        for place, _ in group.steps
    }
    for name, places in users.items():
        if len(places) == 1:
            own[next(iter(places))] += sizes[name]
    return own


def _structure_bytes(group: Group) -> int:
    """Return the bytes of the structure that a function is given for each step."""
    numbers = sum(_BYTES[t] for t in group.fields.values())
    pointers = 4 * len(group.arrays)
    return _aligned(numbers + pointers, 4 if pointers else _widest(group))


def _aligned(size: int, width: int) -> int:
    return -(-size // width) * width


def _widest(group: Group) -> int:
    return max((_BYTES[ctype] for ctype in group.fields.values()), default=1)


def numbers_of(group: Group, step: Step) -> Mapping[str, int]:
    """Return the numbers that a step's structure holds, in the structure's order."""
    return {key: step.numbers[key] for key in group.fields}
