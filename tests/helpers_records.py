"""A trial as tests of reports need one."""

from autotiny.runtimes import Footprint
from autotiny.study.front import TrialRecord


def record(number=3, latency=None, energy=None, stored="pruned", **parameters):
    footprint = Footprint(
        *(10_000, 30_000, 2_000, 2_048, 4_096, 70_000, 900, 1_000_000),
        app_flash_bytes=500,
        latency_s=latency,
        energy_mj=energy,
    )
    plan, encodings = {"conv0": "w4a8"}, {"conv0/kernel": "int4", "dense/kernel": stored}
    return TrialRecord(number, parameters, footprint, 0.9, 0.91, plan, encodings, {}, 1.0)
