"""Results of the once-per-study steps on disk: arrays as .npz, the rest as JSON.

Neither can hold code, so a study that somebody sent can be looked at safely. What does not read
back whole is computed again.
"""

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Everything that reading damaged JSON and archives was seen to raise.
_DAMAGE = (
    OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, NotImplementedError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class StepCache:
    """The stored results of one study.

    Attributes:
        folder: Made when something is stored.
    """

    folder: Path

    def load(self, step: str, key: Mapping[str, Any]) -> tuple[Arrays, Any] | None:
        """Return the arrays and facts stored for a step and key; None if there are none.

        Args:
            step: Name of the step.
            key: What the result depends on, as JSON has it.
        """
        path = self._path(step, key)
        try:
            stored = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            content = path.with_suffix(".npz").read_bytes()
            if stored["key"] != _plain(key) or stored["arrays"] != _digest(content):
                return None
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}, stored["facts"]
        except _DAMAGE:
            return None

    def store(self, step: str, key: Mapping[str, Any], arrays: Arrays, facts: Any) -> None:
        """Keep a result; the JSON, which vouches for the arrays, is written last.

        Args:
            step: Name of the step.
            key: What the result depends on, as JSON has it.
            arrays: Arrays by name.
            facts: The rest, as JSON has it.
        """
        path, buffer = self._path(step, key), io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        content = buffer.getvalue()
        stored = {"key": _plain(key), "arrays": _digest(content), "facts": facts}
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(path.with_suffix(".npz"), content)
        _write(path.with_suffix(".json"), json.dumps(stored, indent=1).encode())

    def _path(self, step: str, key: Mapping[str, Any]) -> Path:
        import joblib

        return self.folder / f"{step}-{joblib.hash(_plain(key))[:16]}"


def _plain(key: Mapping[str, Any]) -> Any:
    """Return a key as it is read back."""
    return json.loads(json.dumps(key))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write a file that is whole whenever it is there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
