"""TensorFlow, imported once, quietly and reproducibly."""

import os
import sys
import warnings
from typing import Any

from autotiny.errors import AutotinyWarning
from autotiny.quiet import LOG_LEVEL, captured_stderr

#: Batches of fewer MACs run faster in one thread: handing work over costs more than it saves.
_THREADING_MIN_MACS = 50_000_000


def prepare_tensorflow(seed: int) -> Any:
    """Import TensorFlow once, quietly and reproducibly, and return it.

    Args:
        seed: Of TensorFlow's, numpy's and Python's global generators.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # tfmot works on Keras 2 only
    os.environ.setdefault(*LOG_LEVEL)
    if "tensorflow_model_optimization" not in sys.modules:
        # TensorFlow greets on stderr before its log level counts; both use deprecated functions.
        with captured_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow_model_optimization  # noqa: F401
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(seed)
    return tf


def choose_threads(work: int) -> None:
    """Keep TensorFlow to one thread if batches are small; to be called before it first runs.

    Results depend on the number of threads in their last bits, so a study decides this by its base
    model alone, and alike in every process that goes on with it. Where TensorFlow is running
    already with other threads, that is said.

    Args:
        work: MACs of one batch of the base model.
    """
    tf = prepare_tensorflow(0)
    if work >= _THREADING_MIN_MACS or _threads(tf) == (1, 1):
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        warnings.warn(
            "TensorFlow was running before autotiny could set its threads: trainings are slower, "
            "and results may differ in their last bits from those of another process.",
            AutotinyWarning,
            stacklevel=2,
        )


def _threads(tf: Any) -> tuple[int, int]:
    """Return how many threads TensorFlow has within and across operators; 0 is its own choice."""
    threading = tf.config.threading
    own = (os.environ.get(f"TF_NUM_{kind}_THREADS", "0") for kind in ("INTRAOP", "INTEROP"))
    within, across = (int(value) if value.isdigit() else 0 for value in own)
    return (
        threading.get_intra_op_parallelism_threads() or within,
        threading.get_inter_op_parallelism_threads() or across,
    )
