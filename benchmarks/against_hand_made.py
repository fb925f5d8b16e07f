"""autotiny against the route people take by hand, on the same data in one run.

The hand-made route: train a Keras CNN, prune it with tensorflow-model-optimization, convert it with
TFLiteConverter to int8, and score the result sample by sample. Data: scikit-learn's digits in
order, the first 60 % to train, the next 20 % to score.

Prints (1) the base model and one trial with the same layers, sparsity and epochs; (2) the hand-made
route, which trains and prunes anew for every setting, and the ratios; (3) how long a whole search
takes until its front holds a model at least as accurate in fewer bytes. Importing the libraries is
not timed, for either.
Run: python benchmarks/against_hand_made.py [--epochs 100]
"""

import argparse
import contextlib
import importlib
import os
import tempfile
import time
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
from sklearn.datasets import load_digits

SPARSITY = 0.8


def digits_in_order() -> dict[str, np.ndarray]:
    digits = load_digits()
    x = (digits.images / 16).astype(np.float32)[..., None]
    y = digits.target.astype(np.int64)
    first, second = int(0.6 * len(y)), int(0.8 * len(y))
    parts = {"train": slice(0, first), "val": slice(first, second), "test": slice(second, None)}
    return {
        f"{axis}_{name}": data[rows]
        for name, rows in parts.items()
        for axis, data in (("x", x), ("y", y))
    }


def hand_made(data: dict[str, np.ndarray], epochs: int) -> tuple[float, float, int]:
    """Return seconds, accuracy and .tflite bytes of the hand-made route."""
    import tensorflow as tf
    import tensorflow_model_optimization as tfmot

    keras, started = tf.keras, time.perf_counter()
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    x, y = data["x_train"], data["y_train"]
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
    steps = -(-len(x) // 32) * epochs
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, SPARSITY, 0, steps // 2, frequency=20)
    pruned = tfmot.sparsity.keras.prune_low_magnitude(model, schedule)
    pruned.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    callback = tfmot.sparsity.keras.UpdatePruningStep()
    pruned.fit(x, y, batch_size=32, epochs=epochs, verbose=0, callbacks=[callback])
    converter = tf.lite.TFLiteConverter.from_keras_model(tfmot.sparsity.keras.strip_pruning(pruned))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in x[:100])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    tflite = converter.convert()
    accuracy = score_one_by_one(tflite, data["x_val"], data["y_val"])
    return time.perf_counter() - started, accuracy, len(tflite)


def score_one_by_one(tflite: bytes, x: np.ndarray, y: np.ndarray) -> float:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = source["quantization"]
    right = 0
    for sample, label in zip(x, y, strict=True):
        quantised = np.clip(np.round(sample / scale) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(source["index"], quantised[None])
        interpreter.invoke()
        right += int(interpreter.get_tensor(target["index"])[0].argmax() == label)
    return right / len(y)


def one_trial(npz: Path, epochs: int) -> tuple[float, float, float, int]:
    """Return the seconds of the base model and of a trial, its accuracy and its image bytes."""
    from autotiny.base_model import train_base_model
    from autotiny.candidate import Candidate
    from autotiny.pipeline import Pipeline, Spending, representative_samples
    from autotiny.runtimes import Target, get_runtime
    from autotiny.study.once import build_base_network
    from autotiny.study.space_files import parse_space, read_space
    from autotiny.tasks import load_task
    from autotiny.tensorflow_setup import choose_threads

    started = time.perf_counter()
    task = load_task(str(npz), seed=0)
    # The hand-made network's sizes, its pooling as a stride; full width, so the same work.
    base_options = {"filters": [16, 32], "strides": [1, 2], "head": "flatten", "batch_norm": False}
    training = {"epochs": epochs, "patience": epochs}
    changes = {"base": base_options, "training": training}
    space = parse_space(read_space("cnn") | changes, "cnn")
    choose_threads(space.training.batch_size * build_base_network(task, space).macs)
    base = train_base_model(
        task,
        build_base_network(task, space),
        space.training,
        representative_samples(task, 0),
        seed=0,
    )
    once = time.perf_counter() - started
    started = time.perf_counter()
    pipeline = Pipeline(task, base, (), get_runtime(), Spending(Target()), seed=0, batch_size=32)
    candidate = Candidate.from_parameters({"sparsity": SPARSITY, "epochs": epochs})
    scored = pipeline.finish(pipeline.prepare(candidate), seed=0)
    seconds = time.perf_counter() - started
    return once, seconds, scored.score, scored.artifact.footprint.model_bytes


def search_until(
    npz: Path, accuracy: float, size: int, trials: int
) -> tuple[float, int, float, int]:
    """Return seconds, trials, accuracy and bytes when the search first beats a model."""
    from autotiny.study.resolving import resolve_config
    from autotiny.study.progress import Progress
    from autotiny.study.search import Search

    options = {"data": str(npz), "space": "cnn", "flash": "300KB", "ram": "520KB", "trials": trials}
    started = time.perf_counter()
    found: list[tuple[float, int, float, int]] = []

    def watch(step: Progress) -> None:
        record = step.record
        if found or record is None or record.litert_score is None:
            return
        if record.litert_score >= accuracy and record.footprint.model_bytes < size:
            seconds = time.perf_counter() - started
            found.append((seconds, step.done, record.litert_score, record.footprint.model_bytes))
            raise KeyboardInterrupt

    search = Search.create(resolve_config(options, config_file=None, assignments=()))
    with contextlib.suppress(KeyboardInterrupt):
        search.run(on_progress=watch)
    return found[0] if found else (float("inf"), trials, 0.0, 0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--trials", type=int, default=40)
    options = parser.parse_args()
    from autotiny.tensorflow_setup import prepare_tensorflow

    prepare_tensorflow(0)
    for name in ("ai_edge_quantizer.quantizer", "autotiny.runtimes.tflm.packing", "tflite_micro"):
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AUTOTINY_STUDIES"] = folder
        npz = Path(folder) / "digits_in_order.npz"
        data = digits_in_order()
        np.savez(npz, **data)
        once, ours, accuracy, size = one_trial(npz, options.epochs)
        print(f"base model, {options.epochs} epochs, once per study: {once:.1f} s")
        print(
            f"one trial, {options.epochs} epochs on from it: {ours:.1f} s, "
            f"accuracy {accuracy:.3f}, {size:,} B"
        )
        theirs = hand_made(data, options.epochs)
        print(
            f"hand-made route, {options.epochs} + {options.epochs} epochs: {theirs[0]:.1f} s, "
            f"accuracy {theirs[1]:.3f}, {theirs[2]:,} B"
        )
        print(
            f"ratio: {theirs[0] / ours:.1f} times faster for one more setting, "
            f"{theirs[0] / (ours + once):.1f} times with the base model counted in"
        )
        seconds, trials, accuracy, size = search_until(npz, theirs[1], theirs[2], options.trials)
        print(
            f"search until it dominates that model: {seconds:.1f} s, {trials} trials "
            f"(accuracy {accuracy:.3f}, {size:,} B); the route takes {theirs[0] / seconds:.1f} "
            "times as long"
        )


if __name__ == "__main__":
    main()
