"""``cnn1d`` against ``mlp`` at equal flash, on generated heartbeats: 5 classes of 187x1.

    python benchmarks/signals.py

Both searched with the same trials and seed: for each member of cnn1d's front the best MLP of no
more flash. Also a sine's regression: R2 over the size of the model file.
"""

import os
import tempfile

import numpy as np

TRIALS, SAMPLES, STEPS, CLASSES = 12, 1000, 187, 5


def heartbeats(path: str) -> None:
    """Write beats of two waves anywhere in time; a class says which waves, in which order."""
    rng = np.random.default_rng(7)
    y = rng.integers(0, CLASSES, SAMPLES)
    kinds = np.array([(3, 1, 3, 1), (3, 1, 8, 1), (8, 1, 3, 1), (8, 1, 8, 1), (3, 1, 8, -1)])[y]
    steps, start = np.arange(STEPS)[None], rng.uniform(25, 115, SAMPLES)[:, None]
    x = np.zeros((SAMPLES, STEPS))
    for place, (width, sign) in enumerate(((0, 1), (2, 3))):
        centre = start + 30 * place + rng.uniform(-4, 4, (SAMPLES, 1))
        x += kinds[:, [sign]] * np.exp(-(((steps - centre) / kinds[:, [width]]) ** 2))
    x += rng.normal(0, 0.2, x.shape)
    np.savez(path, x_train=x[..., None].astype(np.float32), y_train=y)


def sine(path: str) -> None:
    """Write TFLM's hello world: the sine of an angle, with noise on the targets."""
    rng = np.random.default_rng(7)
    x = rng.uniform(0, 2 * np.pi, (1500, 1)).astype(np.float32)
    y = np.sin(x) + rng.normal(0, 0.02, x.shape).astype(np.float32)
    np.savez(path, x_train=x, y_train=y)


def searched(data: str, space: str, name: str, *assignments: str):
    """Return a finished study."""
    from autotiny.study.resolving import resolve_config
    from autotiny.study.search import Search

    options = {"data": data, "space": space, "study": name, "trials": TRIALS, "flash": "120KB"}
    config = resolve_config(options, config_file=None, assignments=assignments)
    search = Search.create(config)
    search.run()
    return search


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AUTOTINY_STUDIES"] = folder
        data = os.path.join(folder, "beats.npz")
        heartbeats(data)
        found = {space: searched(data, space, space) for space in ("mlp", "cnn1d")}
        rivals = [r for r in found["mlp"].records() if r.score is not None]
        print("cnn1d: flash  accuracy | mlp of no more flash: flash  accuracy")
        for record in found["cnn1d"].front():
            flash = record.footprint.flash_bytes
            less = [r for r in rivals if r.footprint.flash_bytes <= flash]
            best = max(less, key=lambda r: r.quality, default=None)
            rival = "none" if best is None else f"{best.footprint.flash_bytes:,}  {best.score:.4f}"
            print(f"{flash:>12,}    {record.score:.4f} | {rival}")
        for name, study in found.items():
            top = max(study.front(), key=lambda r: r.quality)
            print(f"best {name}: {top.score:.4f} at {top.footprint.flash_bytes:,} B of flash")
        data = os.path.join(folder, "sine.npz")
        sine(data)
        study = searched(data, "mlp", "sine", "base.units=[16, 16]", "training.epochs=150",
                         "epochs={low: 80, high: 150}")  # fmt: skip
        print("sine: R2, image bytes, flash bytes")
        for record in study.front():
            footprint = record.footprint
            print(f"{record.score:>8.4f}  {footprint.model_bytes:>6,}  {footprint.flash_bytes:>7,}")


if __name__ == "__main__":
    main()
