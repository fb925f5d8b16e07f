"""Huffman: frequent values take few bits; pruned and clustered weights gain alike.

Format: tensorflow/lite/micro/kernels/decode_state_huffman.h. Codes follow each other from the
highest bit of the first byte on and are read in words of 32 bits. A table entry of 16 bits is a
value (top bit set, 4 bits: how many of the bits just read belong to the code, low byte: the value)
or a link (4 bits: how many bits to read next, less one; 11 bits: how many entries further on that
table starts).
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from autotiny.runtimes.tflm.encodings._base import HEADER_BYTES, Encoded, Weights, header

_TYPE, _VERSION = 1, 1
_VALUE = 0x8000
_MAX_STEP = 8  # bits looked up at once; more never makes a table of at most 256 values smaller

#: A code tree: a byte at a leaf, a pair at a fork.
Tree = int | tuple["Tree", "Tree"]


@dataclass(frozen=True)
class Huffman:
    """An optimal prefix code, with the smallest table that the format allows for it."""

    name: str = "huffman"
    needs_decode: bool = True
    gains_by_zeros: bool = True
    bounded: bool = False

    def refusal(self, weights: Weights) -> str | None:
        """Take any int8 values."""
        return None

    def sizes(self, weights: Weights) -> tuple[int, ...]:
        """Return 4 x words of code, and 16 + 2 x table entries."""
        tree = code_tree(tuple(weights.histogram.tolist()))
        return 4 * _words(tree, weights), HEADER_BYTES + 2 * len(_table(tree)[0])

    def encode(self, weights: Weights) -> Encoded:
        """Write the codes of all values, and the table."""
        tree = code_tree(tuple(weights.histogram.tolist()))
        lengths, codes = np.zeros(256, np.int64), np.zeros(256, np.uint64)
        for value, length, code in _codes(tree):
            lengths[value], codes[value] = length, code
        entries, root_bits = _table(tree)
        return Encoded(
            data=_stream(weights, lengths, codes).ljust(4 * _words(tree, weights), b"\0"),
            ancillary=header(_TYPE, _VERSION, (root_bits - 1) << 4)
            + np.array(entries, "<u2").tobytes(),
        )


@lru_cache(maxsize=64)
def code_tree(histogram: tuple[int, ...]) -> Tree:
    """Return the code tree with the fewest bits in total (Huffman, 1952).

    Args:
        histogram: Occurrences by byte, 256 of them. Ties go to the shallower tree, which keeps
            codes short.
    """
    heap: list[tuple[int, int, int, Tree]] = [
        (count, 0, byte, byte) for byte, count in enumerate(histogram) if count
    ]
    heapq.heapify(heap)
    while len(heap) > 1:
        low, high = heapq.heappop(heap), heapq.heappop(heap)
        fork: Tree = (low[3], high[3])
        heapq.heappush(heap, (low[0] + high[0], max(low[1], high[1]) + 1, low[2], fork))
    return heap[0][3]


def _codes(tree: Tree, length: int = 0, code: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield (byte, code length, code)."""
    if isinstance(tree, int):
        yield tree, length, code
        return
    for bit, branch in enumerate(tree):
        yield from _codes(branch, length + 1, code << 1 | bit)


def _below(tree: Tree, depth: int) -> list[tuple[Tree, int]]:
    """Return what a look-up of ``depth`` bits finds: (subtree, bits used), one per entry."""
    if depth == 0 or isinstance(tree, int):
        return [(tree, 0)] * (1 << depth)
    return [(node, used + 1) for branch in tree for node, used in _below(branch, depth - 1)]


@lru_cache(maxsize=4096)
def _best_step(tree: Tree) -> tuple[int, int]:
    """Return (entries of all tables from this fork down, bits of its first one), fewest entries.

    Exact by dynamic programming over forks; among equals the longest step, which decodes fastest.
    """
    options, forks = [], [tree]
    for bits in range(1, _MAX_STEP + 1):
        forks = [node for fork in forks for node in _branches(fork) if not isinstance(node, int)]
        options.append(((1 << bits) + sum(_best_step(node)[0] for node in forks), -bits))
        if not forks:
            break
    entries, bits = min(options)
    return entries, -bits


def _branches(tree: Tree) -> tuple[Tree, ...]:
    return () if isinstance(tree, int) else tree


@lru_cache(maxsize=64)
def _table(tree: Tree) -> tuple[tuple[int, ...], int]:
    """Return the table's entries and the bits of its first part."""
    entries: list[int] = []
    root_bits = _place(tree, entries)
    return tuple(entries), root_bits


def _place(tree: Tree, entries: list[int]) -> int:
    """Append the tables of a tree; return how many bits the first one looks up."""
    bits = 1 if isinstance(tree, int) else _best_step(tree)[1]
    start = len(entries)
    found = _below(tree, bits)
    entries.extend([0] * len(found))
    for position, (node, used) in enumerate(found, start):
        if isinstance(node, int):
            entries[position] = _VALUE | used << 11 | node
        else:
            further = len(entries) - position
            entries[position] = (_place(node, entries) - 1) << 11 | further
    return bits


def _words(tree: Tree, weights: Weights) -> int:
    """Return the 32-bit words of code, with those that only a look-up past the end touches."""
    total = sum(length * int(weights.histogram[byte]) for byte, length, _ in _codes(tree))
    return -(-(total + _MAX_STEP - 1) // 32)


def _stream(weights: Weights, lengths: NDArray[np.int64], codes: NDArray[np.uint64]) -> bytes:
    """Return all codes without gaps."""
    flat = weights.values.ravel().view(np.uint8)
    longest = int(lengths.max())
    if longest == 0:
        return b""
    shifts = np.arange(longest - 1, -1, -1)
    bits = (codes[:, None] >> shifts.astype(np.uint64) & np.uint64(1)).astype(np.uint8)
    used = shifts[None, :] < lengths[:, None]
    return np.packbits(bits[flat][used[flat]]).tobytes()
