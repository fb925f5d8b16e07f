"""Choosing an encoding for every weight tensor: the fewest bytes of flash that the arena allows.

Flash is a sum over tensors, plus DECODE's code once. The arena is a maximum plus a sum: a buffer
(decoded or unpacked weights) lives only while its operator runs, so the head is the largest need of
any operator, and each DECODE adds the same few bytes to the tail. So for a given head the tensors
are independent but for the number of DECODEs, of which the ones that save most are the best. There
are at most as many heads to try as there are options, which makes the choice exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

#: Arena tail of one more DECODE on a 32-bit target: 12 for each of two tensors, operator 32, state
#: 16 + 48.
DECODE_TAIL_BYTES = 120


@dataclass(frozen=True)
class Option:
    """One way to store one tensor.

    Attributes:
        encoding: Its name.
        flash_bytes: What it adds to the image.
        head_bytes: Arena head that its operator then needs, with everything else alive then.
        needs_decode: It needs the DECODE operator.
    """

    encoding: str
    flash_bytes: int
    head_bytes: int
    needs_decode: bool

    @property
    def order(self) -> tuple[int, int, bool]:
        """Flash first, then RAM, then time."""
        return (self.flash_bytes, self.head_bytes, self.needs_decode)


def choose(
    options: Sequence[Sequence[Option]],
    *,
    decode_code_bytes: int,
    head_limit: int | None = None,
) -> list[Option]:
    """Return one option per tensor: least flash, then least arena.

    Args:
        options: For each tensor what is possible, at least one.
        decode_code_bytes: Flash that the DECODE operator itself takes, if used at all.
        head_limit: Arena that head and DECODE tails may take together; None: no limit.
    """
    least = max((min(o.head_bytes for o in group) for group in options), default=0)
    heads = {o.head_bytes for group in options for o in group if o.head_bytes >= least}
    best = _within(options, least, 0)
    for head in sorted(heads):
        if head_limit is not None and head > head_limit:
            break
        allowed = None if head_limit is None else (head_limit - head) // DECODE_TAIL_BYTES
        best = min(
            best,
            _within(options, head, 0),
            _within(options, head, allowed),
            key=lambda choice: _cost(choice, decode_code_bytes),
        )
    return best


def modelled_arena(choice: Sequence[Option]) -> int:
    """Return the head that a choice needs, and the tails of its DECODEs."""
    decodes = sum(option.needs_decode for option in choice)
    return max((o.head_bytes for o in choice), default=0) + DECODE_TAIL_BYTES * decodes


def _within(options: Sequence[Sequence[Option]], head: int, decodes: int | None) -> list[Option]:
    """Return the best choice below a head with at most so many DECODEs; None: any number."""
    plain = [_least(group, head, decode=False) for group in options]
    if decodes == 0:
        return plain
    coded = [_least(group, head, decode=True) for group in options]
    gains = {i: plain[i].flash_bytes - coded[i].flash_bytes for i in range(len(options))}
    order = sorted((i for i in gains if gains[i] > 0), key=lambda i: -gains[i])
    taken = set(order[:decodes])
    return [coded[i] if i in taken else plain[i] for i in range(len(options))]


def _least(group: Sequence[Option], head: int, *, decode: bool) -> Option:
    """Return the cheapest option below a head, or the one with the lowest if none is below."""
    usable = [option for option in group if decode or not option.needs_decode] or group
    below = [option for option in usable if option.head_bytes <= head]
    return min(below or [min(usable, key=lambda o: o.head_bytes)], key=lambda o: o.order)


def _cost(choice: Sequence[Option], decode_code_bytes: int) -> tuple[int, int, int]:
    decodes = sum(option.needs_decode for option in choice)
    flash = sum(option.flash_bytes for option in choice) + decode_code_bytes * bool(decodes)
    return (flash, max((option.head_bytes for option in choice), default=0), decodes)
