"""Sizes and times as users write them and as we show them.

KB means 1024 bytes, as in GNU ld's memory report and in microcontroller datasheets.
"""

import math
import re
from decimal import Decimal

from autotiny.errors import InputError

_SIZE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([A-Za-zµμ]*)")
#: In lower case: nobody who types 300kb means bits.
_SIZE_UNITS = {"": 1, "b": 1, "k": 1024, "kb": 1024, "kib": 1024}
_SIZE_UNITS |= {"m": 1024**2, "mb": 1024**2, "mib": 1024**2}
_LARGEST_SIZE = 2**32
_TIME_UNITS = {"us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3}  # either sign for micro
_TIME_UNITS |= {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_size(text: str | int, *, name: str = "size", allow_zero: bool = False) -> int:
    """Return bytes for a size such as ``300KB``, ``1.5MB`` or ``4096``.

    Args:
        text: A number with an optional unit in any case; KB and KiB are both 1024 bytes.
        name: What the size is for, named in the error.
        allow_zero: Whether 0 is a sensible value.

    Raises:
        InputError: If the text is not a size, or is zero where that makes no sense.
    """
    match = _SIZE.fullmatch(str(text).strip())
    allowed = "a positive number with B, KB, KiB, MB or MiB (1 KB = 1024 bytes), such as 300KB"
    if not match or match[2].lower() not in _SIZE_UNITS:
        raise InputError(f"{name} must be {allowed}; got {str(text)!r}.")
    size = Decimal(match[1]) * _SIZE_UNITS[match[2].lower()]
    if size > _LARGEST_SIZE:
        raise InputError(
            f"{name} must be at most 4096MB, all a 32-bit part can address; got {str(text)[:40]!r}."
        )
    if size != int(size):
        raise InputError(f"{name} must be a whole number of bytes; got {str(text)!r} = {size} B.")
    if size == 0 and not allow_zero:
        raise InputError(f"{name} must be {allowed}; got {str(text)!r}.")
    return int(size)


def parse_seconds(text: str | float, *, name: str = "time") -> float:
    """Return seconds for a time such as ``30m``, ``20ms`` or ``90``.

    Raises:
        InputError: If the text is not a positive time.
    """
    match = _SIZE.fullmatch(str(text).strip())
    unit = (match[2].lower() or "s") if match else ""
    if not match or unit not in _TIME_UNITS or not 0 < float(match[1]) < math.inf:
        raise InputError(
            f"{name} must be a positive number with us, ms, s, m or h, such as 30m; "
            f"got {str(text)!r}."
        )
    return float(match[1]) * _TIME_UNITS[unit]


def format_bytes(size: int) -> str:
    """Return exact bytes and KiB: ``14,768 B (14.4 KiB)``."""
    return f"{size:,} B" if abs(size) < 1024 else f"{size:,} B ({size / 1024:.1f} KiB)"


def format_seconds(seconds: float) -> str:
    """Return a time with a unit a person would choose: ``850 µs``, ``3.2 ms``, ``4m 05s``."""
    # Compared as they will be shown: 0.99996 s is 1.0 s, not 1000.0 ms.
    if round(seconds * 1e6) < 1000:
        return f"{seconds * 1e6:.0f} µs"
    if round(seconds * 1e3, 1) < 1000:
        return f"{seconds * 1e3:.1f} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {rest:02d}s"
