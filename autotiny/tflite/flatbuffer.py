"""A bounds-checked walk over a TFLite flatbuffer, which also says what every byte is for.

Flatbuffers are offsets all the way down, so a damaged file can point anywhere. Every offset is
checked before it is followed, every object is read once however often it is shared, and the work
is bounded by the file's size, so that no file can crash, hang or exhaust memory here.

Source of the format: the FlatBuffers internals page of google/flatbuffers.
"""

import struct
from dataclasses import dataclass
from typing import Any

from autotiny.errors import InputError
from autotiny.tflite.schema import TABLES, UNIONS

_SCALARS = {
    "bool": "?",
    "int8": "b",
    "uint8": "B",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "float32": "f",
    "int64": "q",
    "uint64": "Q",
}
_SIZES = {kind: struct.calcsize(code) for kind, code in _SCALARS.items()}
_UNPACKERS = {kind: struct.Struct("<" + code).unpack_from for kind, code in _SCALARS.items()}
_UINT16, _INT32, _UINT32 = _UNPACKERS["uint16"], _UNPACKERS["int32"], _UNPACKERS["uint32"]
#: Deeper than any table of the schema nests.
_MAX_DEPTH = 16
Table = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """Bytes of the file that one object takes.

    Attributes:
        start: First byte.
        end: One past the last byte.
        owner: Name of the table it is, or belongs to.
        field: Field whose vector or string it is; empty for a table itself and its vtable.
    """

    start: int
    end: int
    owner: str
    field: str


def corrupt(reason: str) -> InputError:
    """Return the error for a file that is no valid TFLite model."""
    return InputError(f"The model is not a valid TFLite file: {reason}.")


class Walker:
    """Reads a whole flatbuffer into dictionaries.

    Attributes:
        spans: Every object that was read, each once, in the order of reading.
        contents: First byte of each buffer's contents, by the ``id`` of the buffer's table.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.spans: list[Span] = []
        self.contents: dict[int, int] = {}
        self._seen: dict[tuple[str, int], Any] = {}
        self._vtables: dict[int, tuple[int, ...]] = {}
        # A file's objects are at least four bytes each; more work than this means overlaps.
        self._work_left = 4 * len(data) + 1000

    def root(self) -> Table:
        """Return the Model table: field name to value, absent fields left out.

        Raises:
            InputError: If any part of the file is not a valid TFLite flatbuffer.
        """
        if len(self.data) < 8:
            raise corrupt(f"it has {len(self.data)} bytes, and the smallest header has 8")
        if self.data[4:8] != b"TFL3":
            raise corrupt(f"bytes 4 to 8 are {self.data[4:8]!r} and must be b'TFL3'")
        self.spans.append(Span(0, 8, "Model", ""))
        return self._table("Model", self._offset(0), 0)

    def _check(self, start: int, size: int, what: str) -> None:
        if start < 0 or size < 0 or start + size > len(self.data):
            raise corrupt(
                f"{what} at byte {start} with {size} bytes is outside the file of "
                f"{len(self.data)} bytes"
            )

    def _spend(self, work: int) -> None:
        self._work_left -= work
        if self._work_left < 0:
            raise corrupt("its objects overlap, so they hold more than the file does")

    def _offset(self, position: int) -> int:
        self._check(position, 4, "an offset")
        target: int = position + _UINT32(self.data, position)[0]
        if target == position:
            raise corrupt(f"the offset at byte {position} points at itself")
        self._check(target, 4, "an object")
        return target

    def _vtable(self, start: int) -> tuple[int, ...]:
        """Return the size of the table's inline part and the offset of each field (0: absent)."""
        known = self._vtables.get(start)
        if known is not None:
            return known
        self._check(start, 4, "a vtable")
        size = _UINT16(self.data, start)[0]
        if size < 4 or size % 2:
            raise corrupt(f"the vtable at byte {start} has an impossible size of {size}")
        self._check(start, size, "a vtable")
        self._spend(size)
        values = struct.unpack_from(f"<{size // 2 - 1}H", self.data, start + 2)
        self.spans.append(Span(start, start + size, "vtable", ""))
        self._vtables[start] = values
        return values

    def _table(self, name: str, start: int, depth: int) -> Table:
        key = (name, start)
        known = self._seen.get(key)
        if known is not None:
            return known  # type: ignore[no-any-return]
        if depth > _MAX_DEPTH:
            raise corrupt("its tables are nested without end")
        if start % 4:
            raise corrupt(f"the table {name} at byte {start} is not aligned to 4 bytes")
        self._check(start, 4, f"the table {name}")
        size, *offsets = self._vtable(start - _INT32(self.data, start)[0])
        self._check(start, size, f"the table {name}")
        if size < 4:
            raise corrupt(f"the table {name} at byte {start} claims {size} bytes")
        self._spend(size)
        self.spans.append(Span(start, start + size, name, ""))
        table: Table = {}
        self._seen[key] = table
        for (field, kind), offset in zip(TABLES.get(name, ()), offsets, strict=False):
            if offset and kind:
                if offset + _SIZES.get(kind, 4) > size:
                    raise corrupt(f"field {field} of {name} at byte {start} is outside its table")
                table[field] = self._field(name, field, kind, start + offset, table, depth)
        return table

    def _field(
        self, owner: str, field: str, kind: str, position: int, table: Table, depth: int
    ) -> Any:
        unpack = _UNPACKERS.get(kind)
        if unpack is not None:
            return unpack(self.data, position)[0]
        target = self._offset(position)
        if kind == "string":
            return self._bytes(owner, field, target, 1)
        if kind[0] == "[":
            if owner == "Buffer":
                self.contents[id(table)] = target + 4
            return self._vector(owner, field, kind[1:-1], target, depth)
        if kind == "union":
            return self._union(owner, field, target, table, depth)
        return self._table(kind, target, depth + 1)

    def _union(self, owner: str, field: str, target: int, table: Table, depth: int) -> Table:
        choices = UNIONS[f"{owner}.{field}"]
        number = table.get(f"{field}_type", 0)
        if not 0 < number < len(choices):
            raise corrupt(
                f"{field} of {owner} has type {number}, and 1 to {len(choices) - 1} exist"
            )
        return self._table(choices[number], target, depth + 1)

    def _bytes(self, owner: str, field: str, start: int, end_padding: int = 0) -> bytes:
        """Return a string or a vector of bytes; a string ends in a zero that is not counted."""
        known = self._seen.get((field, start))
        if known is not None:
            return known  # type: ignore[no-any-return]
        count = _UINT32(self.data, start)[0]
        self._check(start + 4, count + end_padding, f"{field} of {owner}")
        self._spend(4 + count)
        end = start + 4 + count
        self.spans.append(Span(start, end + end_padding, owner, field))
        value = self.data[start + 4 : end]
        self._seen[field, start] = value
        return value

    def _vector(self, owner: str, field: str, kind: str, start: int, depth: int) -> Any:
        if start % 4:
            raise corrupt(f"{field} of {owner} at byte {start} is not aligned to 4 bytes")
        if kind == "uint8":
            return self._bytes(owner, field, start)
        key = (f"{owner}.{field}", start)
        known = self._seen.get(key)
        if known is not None:
            return known
        count = _UINT32(self.data, start)[0]
        size = count * _SIZES.get(kind, 4)
        self._check(start + 4, size, f"{field} of {owner}")
        self._spend(4 + size)
        self.spans.append(Span(start, start + 4 + size, owner, field))
        if kind in _SCALARS:
            value: Any = struct.unpack_from(f"<{count}{_SCALARS[kind]}", self.data, start + 4)
        else:
            positions = [self._offset(start + 4 + 4 * i) for i in range(count)]
            if kind == "string":
                value = [self._bytes(owner, field, position, 1) for position in positions]
            else:
                value = [self._table(kind, position, depth + 1) for position in positions]
        self._seen[key] = value
        return value
