"""C text from values and back.

Writing and reading are kept together because a bundle is proved by what a reader finds in the
written file, not by what was meant to be written.
"""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|-?\d+")


def hex_rows(data: bytes, per_row: int = 12) -> str:
    """Return bytes as the rows of an initialiser: ``0x1c, 0x00, …``."""
    return _rows((f"0x{byte:02x}" for byte in data), per_row)


def int_rows(values: NDArray[np.int8], per_row: int = 20) -> str:
    """Return int8 values as the rows of an initialiser."""
    return _rows((str(int(value)) for value in values.ravel()), per_row)


def _rows(items: Iterable[str], per_row: int) -> str:
    texts = list(items)
    rows = (texts[start : start + per_row] for start in range(0, len(texts), per_row))
    return ",\n".join("    " + ", ".join(row) for row in rows)


def float_literal(value: float) -> str:
    """Return a float literal that reads back as the same float32 (9 digits are enough)."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if re.search(r"[.e]", text) else f"{text}.0f"


def string_literal(text: str) -> str:
    """Return a C string literal of the text's UTF-8 bytes, plain ASCII in the file.

    Octal escapes have a fixed length, so that a digit after one does not join it; a question mark
    is escaped because two of them may start a trigraph in C99.
    """
    plain = {ord(letter): f"\\{letter}" for letter in '"\\?'}
    letters = (
        plain.get(byte, chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}")
        for byte in text.encode()
    )
    return '"' + "".join(letters) + '"'


def comment_text(text: object) -> str:
    """Return text that cannot end or break a C comment: one printable ASCII line."""
    safe = "".join(letter if " " <= letter <= "~" else "?" for letter in str(text))
    return safe.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/")


def read_array(source: str, name: str) -> NDArray[np.int64]:
    """Return the integers in the initialiser of array ``name``, flattened.

    Args:
        source: Text of a C file.
        name: Identifier of an array that the file defines.

    Raises:
        ValueError: If the file does not define that array once, or with anything but integers.
    """
    code = _COMMENT.sub(" ", source)
    found = re.findall(rf"\b{re.escape(name)}(?:\s*\[\w*\])+\s*=\s*(\{{[^;]*\}})\s*;", code)
    if len(found) != 1:
        raise ValueError(f"{name} is defined {len(found)} times")
    numbers = _NUMBER.findall(found[0])
    if re.sub(r"[\s{},]", "", _NUMBER.sub("", found[0])):
        raise ValueError(f"{name} holds something that is not an integer")
    return np.array([int(number, 0) for number in numbers], np.int64)
