"""The final sparsity at once; which weights are zero may change until the end."""

from autotiny.compression.sparsity._base import Schedule, SparsitySchedule, StepSchedule


class Constant(Schedule):
    """The final sparsity from the first step that prunes (tfmot's ``ConstantSparsity``)."""

    name = "constant"

    def steps(self, settings: SparsitySchedule, begin: int, end: int) -> StepSchedule:
        """Return tfmot's schedule."""
        import tensorflow_model_optimization as tfmot

        made: StepSchedule = tfmot.sparsity.keras.ConstantSparsity(
            settings.final, begin, -1, settings.frequency
        )
        return made
