"""The road of a study's candidates, with what was measured of its base model and is wanted."""

from pathlib import Path

from autotiny.base_model import BaseModel
from autotiny.budget.spending import Spending
from autotiny.compression.depth import BlockCost
from autotiny.compression.importance import IMPORTANCES, Evidence
from autotiny.compression.precision_modes import check_layers
from autotiny.compression.sensitivity import Sensitivity
from autotiny.compression.sparsity.shares import SparsitySensitivity
from autotiny.hyperparameters import LAYER_BITS
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.pipeline import Pipeline
from autotiny.runtimes._base import Runtime
from autotiny.study import once
from autotiny.study.config import StudyConfig
from autotiny.study.progress import OnProgress
from autotiny.tasks import Task
from autotiny.teacher import Teacher


class Road:
    """What is measured once per study, from the cache if it is there, and the pipeline of it.

    Args:
        config: Of the study.
        task: Its data.
        runtime: Which its models run in.
        cache: Folder of what is measured once.
        base: The base model.
        on_progress: Told of every step.
        teacher: The study's own; None is the base model.
    """

    def __init__(
        self,
        config: StudyConfig,
        task: Task,
        runtime: Runtime,
        cache: Path,
        base: BaseModel,
        on_progress: OnProgress,
        teacher: Teacher | None = None,
    ) -> None:
        self._config, self._task, self._runtime = config, task, runtime
        self._teacher = teacher and teacher.giving(base.train_outputs.shape[1])
        self._cache, self._base, self._on_progress = cache, base, on_progress

    def pipeline(self) -> Pipeline:
        """Return the candidates' road; what the search space does not ask for is not measured."""
        config, space = self._config, self._config.space
        spending = Spending.within(
            config.budget,
            config.device,
            self._runtime,
            app_flash_bytes=config.app_flash_bytes,
            app_ram_bytes=config.app_ram_bytes,
        )
        few_bits = space.parameters.get("precision_tolerance") not in (None, 0, 0.0)
        few_bits = few_bits and space.may_be("precision_mode", "sensitivity")
        own = [name for name in space.parameters if name.startswith(LAYER_BITS)]
        check_layers(self._base.network, [name.removeprefix(LAYER_BITS) for name in own])
        fewer_blocks = space.parameters.get("depth", 1.0) not in (None, 1, 1.0)
        zeros = space.may_be("sparsity_mode", "sensitivity")
        evidence = any(
            part.needs_evidence and space.may_be("importance", name)
            for name, part in IMPORTANCES.items()
        )
        return Pipeline(
            self._task,
            self._base,
            self.sensitivity() if few_bits else (),
            self._runtime,
            spending,
            seed=config.seed,
            batch_size=space.training.batch_size,
            blocks=self.blocks() if fewer_blocks else (),
            sparsity_sensitivity=self.zeros() if zeros else (),
            evidence=self.evidence() if evidence else None,
            protect=space.protect,
            head=config.head,
            teacher=self._teacher,
        )

    def sensitivity(self) -> tuple[Sensitivity, ...]:
        """Return what fewer bits cost in each layer."""
        network, _ = fold_batch_norm(self._base.network, self._base.weights)
        options = self._runtime.precision_costs(network, self._config.device).options
        return once.sensitivity(
            self._config, self._task, self._base, options, self._cache, self._on_progress
        )

    def blocks(self) -> tuple[BlockCost, ...]:
        """Return what skipping each block costs."""
        return once.block_costs(
            self._config, self._task, self._base, self._cache, self._on_progress
        )

    def zeros(self) -> tuple[SparsitySensitivity, ...]:
        """Return what zeros cost in each kernel."""
        return once.sparsity_sensitivity(
            self._config, self._task, self._base, self._cache, self._on_progress
        )

    def evidence(self) -> Evidence:
        """Return what channels do on training data."""
        return once.evidence(self._config, self._task, self._base, self._cache, self._on_progress)
