"""A process that runs untrusted models, so that a fault in native code is only an error message.

One worker is kept and used again, and replaced when it dies or takes too long. Messages are JSON
followed by raw bytes: nothing that a corrupted worker sends is executed.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import UnsupportedModelError

#: Seconds a model may take per request, and more for each sample.
TIMEOUT_S = 20.0
TIMEOUT_PER_SAMPLE_S = 2.0


class Worker:
    """Starts the process when first needed, and again after it died."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def outputs(self, model: bytes, samples: NDArray[Any]) -> NDArray[Any]:
        """Run checked samples; see ``interpreter.outputs``."""
        request = {"dtype": samples.dtype.name, "shape": samples.shape}
        timeout = self._timeout_s + TIMEOUT_PER_SAMPLE_S * len(samples)
        header, payload = self._ask(request, [model, samples.tobytes()], timeout)
        return np.frombuffer(payload, header["dtype"]).reshape(header["shape"]).copy()

    def recorded_arena(self, model: bytes) -> tuple[int, int]:
        """Return head and tail; see ``interpreter.recorded_arena``."""
        header, _ = self._ask({}, [model], self._timeout_s)
        return header["head"], header["tail"]

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _ask(
        self, request: dict[str, Any], parts: list[bytes], timeout: float
    ) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            process = self._start()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                _send(process.stdin, request, parts)
                reader = _DeadlineReader(process.stdout, time.monotonic() + timeout)
                header, payload = _receive(reader)
            except (OSError, EOFError, ValueError) as error:
                self.close()
                what = "did not finish" if isinstance(error, TimeoutError) else "crashed"
                raise UnsupportedModelError(
                    f"The model cannot be run: TensorFlow Lite Micro {what} on it."
                ) from error
            except BaseException:  # an interrupt would leave half an answer in the pipe
                self.close()
                raise
        if "error" in header:
            raise UnsupportedModelError(header["error"])
        return header, payload[0] if payload else b""

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "autotiny.runtimes.tflm.worker"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C is for the command, which then ends the worker
            )  # fmt: skip
        return self._process


class _DeadlineReader:
    """Reads exactly n bytes from a pipe, or raises TimeoutError at the deadline."""

    def __init__(self, pipe: Any, deadline: float) -> None:
        self._descriptor, self._deadline = pipe.fileno(), deadline

    def read(self, count: int) -> bytes:
        parts = []
        while count:
            left = self._deadline - time.monotonic()
            if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
                raise TimeoutError
            part = os.read(self._descriptor, min(count, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def _send(pipe: Any, header: dict[str, Any], parts: list[bytes]) -> None:
    text = json.dumps({**header, "sizes": [len(part) for part in parts]}).encode()
    pipe.write(len(text).to_bytes(4, "little") + text + b"".join(parts))
    pipe.flush()


def _receive(pipe: Any) -> tuple[dict[str, Any], list[bytes]]:
    size = int.from_bytes(_exactly(pipe, 4), "little")
    header = json.loads(_exactly(pipe, size))
    return header, [_exactly(pipe, part) for part in header["sizes"]]


def _exactly(pipe: Any, count: int) -> bytes:
    data: bytes = pipe.read(count)
    if len(data) != count:
        raise EOFError
    return data


_shared: Worker | None = None
_shared_lock = threading.Lock()


def shared_worker() -> Worker:
    """Return the worker that this process uses for all untrusted models."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Worker()
            atexit.register(_shared.close)
        return _shared


def _answer(header: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    from autotiny.runtimes.tflm import native
    from autotiny.tflite.reader import read_model

    model = read_model(parts[0])
    if len(parts) == 1:
        head, tail = native.measure_arena(model, parts[0])
        return {"head": head, "tail": tail}, []
    samples = np.frombuffer(parts[1], header["dtype"]).reshape(header["shape"])
    result = native.run(model, parts[0], samples)
    return {"dtype": result.dtype.name, "shape": result.shape}, [result.tobytes()]


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    while True:
        try:
            header, parts = _receive(requests)
        except EOFError:
            return
        try:
            answer, payload = _answer(header, parts)
        except Exception as error:  # whatever it is, it belongs to this request
            answer, payload = {"error": str(error)}, []
        _send(answers, answer, payload)


if __name__ == "__main__":
    own_stdout = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native code may print, and must not print into the answers
    _serve(sys.stdin.buffer, own_stdout)
