"""Weights as a prefix code: frequent values take few bits.

Canonical Huffman codes (Huffman 1952; Schwartz and Kallick 1964): codes of one length are
neighbours, so that the number of codes of each length and the values in order are all a decoder
needs. The third stage of Deep Compression (Han, Mao and Dally 2016).
"""

import heapq
from itertools import count

import numpy as np
from numpy.typing import NDArray

from autotiny.runtimes.c.encodings._base import Encoded, Weights
from autotiny.runtimes.c.program import Integers

#: Codes are held in 16 bits, as an int of an 8-bit AVR is.
_LONGEST = 15


class Huffman:
    """One canonical code for all weights of a layer, highest bit first."""

    name = "huffman"

    def encode(self, weights: Weights) -> Encoded:
        """Return the weights."""
        values, counts = np.unique(weights, return_counts=True)
        lengths = _lengths(counts)
        order = np.lexsort((values, lengths))
        codes = _codes(lengths[order])
        places = np.empty(len(values), np.int64)
        places[order] = np.arange(len(values))
        index = places[np.searchsorted(values, weights.ravel())]
        sorted_lengths = lengths[order]
        bits = _bits(codes[index], sorted_lengths[index])
        of_length = np.bincount(sorted_lengths, minlength=int(lengths.max()) + 1)[1:]
        arrays: dict[str, Integers] = {
            "weights": np.packbits(bits),
            "counts": of_length.astype(np.uint16),
            "symbols": values[order].astype(np.int8),
        }
        return Encoded(arrays)

    def decode(self, encoded: Encoded, shape: tuple[int, ...]) -> Weights:
        """Return the weights again, bit by bit as the C code does."""
        bits = np.unpackbits(np.asarray(encoded.arrays["weights"], np.uint8)).tolist()
        counts = np.asarray(encoded.arrays["counts"]).tolist()
        symbols = np.asarray(encoded.arrays["symbols"]).tolist()
        found: list[int] = []
        at = 0
        while len(found) < int(np.prod(shape)):
            code = first = index = 0
            for number in counts:
                code |= bits[at]
                at += 1
                if code - first < number:
                    found.append(symbols[index + code - first])
                    break
                index += number
                first = (first + number) << 1
                code <<= 1
        return np.array(found, np.int8).reshape(shape)


def _lengths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the length of each value's code, limited by making rare values less rare."""
    floor = 1
    while True:
        lengths = _unlimited(np.maximum(counts, floor))
        if lengths.max() <= _LONGEST:
            return lengths
        floor = 2 * floor + int(counts.sum()) // 2**_LONGEST


def _unlimited(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    lengths = np.zeros(len(counts), np.int64)
    number = count()
    heap = [(int(n), next(number), [i]) for i, n in enumerate(counts)]
    heapq.heapify(heap)
    while len(heap) > 1:
        n1, _, one = heapq.heappop(heap)
        n2, _, two = heapq.heappop(heap)
        lengths[one] += 1
        lengths[two] += 1
        heapq.heappush(heap, (n1 + n2, next(number), one + two))
    return np.maximum(lengths, 1)  # even one value takes a bit


def _codes(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return canonical codes of lengths in rising order."""
    codes, code, before = [], 0, int(lengths[0])
    for length in lengths.tolist():
        code <<= length - before
        codes.append(code)
        code, before = code + 1, length
    return np.array(codes, np.int64)


def _bits(codes: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the bits of codes, one behind the other."""
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(len(codes)), lengths)
    place = ends[owner] - 1 - np.arange(int(ends[-1]))
    return ((codes[owner] >> place) & 1).astype(np.uint8)
