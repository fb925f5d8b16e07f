"""TensorFlow's threads are set in time, or it is said that they were not."""

import os
import subprocess
import sys

import pytest

LATE = """
import autotiny.tensorflow_setup as setup
tf = setup.prepare_tensorflow(0)
{before}
setup.choose_threads({work})
print(tf.config.threading.get_intra_op_parallelism_threads())
"""


@pytest.mark.parametrize(
    ("before", "work", "threads", "said"),
    [
        ("", 1000, "1", False),
        ("", 10**9, "0", False),
        ("tf.constant(1.0) + 1", 1000, "0", True),
        ("tf.constant(1.0) + 1", 10**9, "0", False),
        ("setup.choose_threads(1); tf.constant(1.0) + 1", 1000, "1", False),
    ],
)
def test_threads(before, work, threads, said):
    program = LATE.format(before=before, work=work)
    own = {k: v for k, v in os.environ.items() if not k.startswith("TF_NUM_")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=own)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == threads
    assert ("TensorFlow was running before autotiny could set its threads" in done.stderr) == said
