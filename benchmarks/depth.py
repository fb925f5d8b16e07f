"""Accuracy of a ResNet over the blocks that ``depth`` removes: without and with training.

    python benchmarks/depth.py

On the built-in digits; a search space of nothing but depth, so that every trial is one row.
"""

import os
import tempfile

#: Residual blocks of each of three stages: seven of nine can be left out.
SPACE = """
family: resnet
base: {filters: [8, 12, 16], blocks: 3}
training: {epochs: 25, patience: 8}
parameters: {depth: %s, epochs: 15}
"""


def main() -> None:
    from autotiny.study.resolving import resolve_config
    from autotiny.study.search import Search

    with tempfile.TemporaryDirectory() as folder:
        os.environ["AUTOTINY_STUDIES"] = folder
        print("removed  untrained  trained, int8  flash bytes       MACs")
        removed, blocks = 0, None
        while blocks is None or removed <= len(blocks):
            depth = 1.0 if blocks is None else 1 - removed / len(blocks)
            path = os.path.join(folder, "space.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(SPACE % depth)
            options = {"data": "digits", "space": path, "study": f"d{removed}", "trials": 1}
            config = resolve_config(options, config_file=None, assignments=())
            search = Search.create(config)
            blocks = search.blocks()
            search.run()
            (record,) = search.records()
            lost = blocks[removed - 1].joint_score_loss if removed else 0.0
            untrained = search.base_model().validation_score - lost
            print(
                f"{removed:>7}  {untrained:>9.4f}  {search.device_score(record):>13.4f}  "
                f"{record.footprint.flash_bytes:>11,}  {record.footprint.macs:>9,}",
                flush=True,
            )
            removed += 1


if __name__ == "__main__":
    main()
