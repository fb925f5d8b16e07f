"""Fast at first, slower the fewer weights are left."""

from autotiny.compression.sparsity._base import Schedule, SparsitySchedule, StepSchedule


class Polynomial(Schedule):
    """Polynomial decay (Zhu and Gupta 2017, To Prune, or Not to Prune; tfmot)."""

    name = "polynomial"

    def steps(self, settings: SparsitySchedule, begin: int, end: int) -> StepSchedule:
        """Return tfmot's schedule."""
        import tensorflow_model_optimization as tfmot

        made: StepSchedule = tfmot.sparsity.keras.PolynomialDecay(
            0.0, settings.final, begin, end, settings.power, settings.frequency
        )
        return made
