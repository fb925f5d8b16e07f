"""Where studies live: folders, files, the lock, and trials as they are stored."""

import contextlib
import dataclasses
import fcntl
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from autotiny.errors import AutotinyError, InputError
from autotiny.study.config import StudyConfig, checked_name, load_config, save_config
from autotiny.study.elsewhere import read_elsewhere
from autotiny.study.format import read_footprint
from autotiny.study.front import TrialRecord
from autotiny.study.given import given_of
from autotiny.tasks.metrics import METRICS, Metric

#: The tables of an Optuna database that a study's trials are read from.
_TABLES = (
    "version_info", "studies", "study_directions", "study_user_attributes", "trials",
    "trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes",
)  # fmt: skip


#: As Optuna makes them; anything else must not become part of a path.
_IDENTIFIER = re.compile(r"[A-Za-z0-9-]{1,80}")


def studies_dir() -> Path:
    """Return the folder of all studies: ``$AUTOTINY_STUDIES``, or ``studies`` where we are."""
    return Path(os.environ.get("AUTOTINY_STUDIES", "studies"))


def study_names() -> list[str]:
    """Return the names of the studies there are."""
    names = (path.parent.name for path in studies_dir().glob("*/study.db"))
    return sorted(name for name in names if not name.startswith("."))


@dataclasses.dataclass(frozen=True)
class StudyFolder:
    """The files of one study.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """The study's name."""
        return self.path.name

    @property
    def database(self) -> Path:
        """The Optuna study."""
        return self.path / "study.db"

    @property
    def artifacts(self) -> Path:
        """The .tflite files of finished trials."""
        return self.path / "artifacts"

    @property
    def cache(self) -> Path:
        """Results of the once-per-study steps."""
        return self.path / "cache"

    def config(self) -> StudyConfig:
        """Return the stored configuration."""
        return load_config(self.path / "config.yaml")

    @classmethod
    def create(cls, config: StudyConfig) -> "StudyFolder":
        """Make the folder of a new study; it appears under its name when it is complete.

        Raises:
            InputError: If the study exists or the folder cannot be written.
        """
        path = studies_dir() / checked_name(config.study)
        cls(path).require_new()
        partial = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
            made = cls(partial / path.name)
            made.artifacts.mkdir(parents=True)
            save_config(config, made.path / "config.yaml")
            made._create_optuna(config.named_objectives)
            os.rename(made.path, path)
        except OSError as error:
            # Another process may have made it since: the same sentence is due.
            cls(path).require_new()
            raise InputError(
                f"Studies must be in a folder that can be written; {path}: {error.strerror}."
            ) from None
        finally:
            if partial is not None:
                shutil.rmtree(partial, ignore_errors=True)
        return cls(path)

    def require_new(self) -> None:
        """Refuse a folder that a study cannot be made in.

        Raises:
            InputError: If it exists.
        """
        if self.database.exists():
            raise InputError(
                f"A new study must have a new name and {self.name!r} exists; go on with "
                f"`autotiny resume {self.name}` or name another with --study."
            )
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise InputError(
                f"A new study must have a new folder; {self.path} exists and holds no study."
            )

    @classmethod
    def open(cls, name: str) -> "StudyFolder":
        """Return the folder of an existing study.

        Raises:
            InputError: If there is none, or its database is damaged.
        """
        folder = cls.find(name)
        folder._check_database()
        return folder

    @classmethod
    def find(cls, name: str) -> "StudyFolder":
        """Return the folder of an existing study, sound or not.

        Raises:
            InputError: If there is none.
        """
        folder = cls(studies_dir() / checked_name(name))
        if not folder.database.is_file():
            known = ", ".join(study_names()) or f"none in {studies_dir()}/"
            raise InputError(f"A study must exist to be used; got {name!r}, there are: {known}.")
        return folder

    def delete(self) -> None:
        """Remove the study and all its files; half of a study is never seen.

        Raises:
            InputError: If its folder cannot be written.
            AutotinyError: If another process is searching it.
        """
        gone = self.path.with_name(f".{self.path.name}.deleted.{os.getpid()}")
        with self.lock():
            try:
                os.rename(self.path, gone)
            except OSError as error:
                raise InputError(
                    f"Studies must be in a folder that can be written; {self.path}: "
                    f"{error.strerror}."
                ) from None
        if gone.is_symlink():  # what it leads to is not the study's to delete
            gone.unlink()
        else:
            shutil.rmtree(gone)

    def _check_database(self) -> None:
        # Before Optuna sees it, which would make the tables it misses in any database.
        try:
            with contextlib.closing(sqlite3.connect(self.database)) as connection:
                tables = {row[0] for row in connection.execute("select name from sqlite_master")}
                (verdict,) = connection.execute("pragma quick_check").fetchone()
        except (sqlite3.DatabaseError, ValueError) as error:
            verdict, tables = str(error), set(_TABLES)
        if missing := [name for name in _TABLES if name not in tables]:
            verdict = f"no such table: {missing[0]}"
        if verdict != "ok":
            reason = " ".join(str(verdict).split())[:200]
            raise InputError(
                f"{self.database} must be a sound Optuna database; SQLite says: {reason}."
            )

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the study for one process; a killed process lets go by itself.

        Raises:
            AutotinyError: If another process is searching this study.
        """
        with self._lock_file() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise AutotinyError(
                    f"Study {self.name!r} is being searched by another process; wait for it to end."
                ) from None
            yield

    def _lock_file(self) -> IO[str]:
        try:
            return (self.path / "lock").open("w")
        except OSError as error:
            raise InputError(
                f"Studies must be in a folder that can be written; {self.path}: {error.strerror}."
            ) from None

    def open_optuna(self) -> Any:
        """Return the Optuna study, whatever its folder is called by now.

        Raises:
            InputError: If the database is not a study of ours.
        """
        import optuna

        with self.readable():
            storage = self._storage()
            names = optuna.get_all_study_names(storage)
            if len(names) != 1:
                raise InputError(
                    f"{self.database} must hold one Optuna study; it holds {len(names)}."
                )
            return optuna.load_study(study_name=names[0], storage=storage)

    @contextlib.contextmanager
    def readable(self) -> Iterator[None]:
        """Turn whatever reading a damaged database raises into one sentence.

        Raises:
            InputError: If it is damaged.
        """
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        damage = (LookupError, TypeError, ValueError, RuntimeError, AssertionError, AttributeError)
        try:
            yield
        except (*damage, SQLAlchemyError, StorageInternalError) as error:
            cause = error.__cause__ or error
            reason = " ".join(str(cause).split()).split(" [SQL")[0][:200].rstrip(".")
            raise InputError(
                f"{self.database} must be a sound Optuna database; "
                f"reading it gives {type(cause).__name__}: {reason}."
            ) from error

    def _storage(self) -> Any:
        import optuna
        from sqlalchemy import URL

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        url = URL.create("sqlite", database=str(self.database)).render_as_string()
        # Optuna fills a template in what it is given; braces of a folder's name are not for it.
        url = url.replace("{", "{{").replace("}", "}}")
        return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})

    def _create_optuna(self, objectives: tuple[str, ...]) -> None:
        import optuna

        storage = self._storage()
        optuna.create_study(
            study_name=self.name,
            storage=storage,
            directions=[
                "maximize" if name in METRICS and METRICS[name].higher_is_better else "minimize"
                for name in objectives
            ],
        )
        # The file is about to be renamed; no connection may outlive that.
        storage.remove_session()
        storage.engine.dispose()

    def artifact_store(self) -> Any:
        """Return the Optuna artifact store."""
        import optuna

        self.artifacts.mkdir(exist_ok=True)
        return optuna.artifacts.FileSystemArtifactStore(str(self.artifacts))

    def put_artifact(self, trial: Any, name: str, content: bytes) -> str:
        """Store a file of a running trial and return its identifier."""
        import optuna

        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / name
            path.write_bytes(content)
            return str(
                optuna.artifacts.upload_artifact(
                    artifact_store=self.artifact_store(), file_path=str(path), study_or_trial=trial
                )
            )

    def get_artifact(self, record: TrialRecord, name: str) -> bytes:
        """Return a file of a trial.

        Raises:
            InputError: If the trial was never trained or the file is gone.
        """
        identifier = record.artifacts.get(name)
        if identifier is None:
            raise InputError(
                f"A trial must have been trained to have a model; trial {record.number} of "
                f"{self.name} was over budget and was not."
            )
        if not _IDENTIFIER.fullmatch(str(identifier)):
            raise InputError(
                f"An artifact's identifier must be letters, digits and dashes; trial "
                f"{record.number} of {self.name} names {str(identifier)[:80]!r}."
            )
        path = self.artifacts / identifier
        if not path.is_file():
            raise InputError(f"The {name} of trial {record.number} must be at {path}; it is gone.")
        return path.read_bytes()


def record_from_trial(
    trial: Any, study_attributes: Mapping[str, Any], metric: Metric = METRICS["accuracy"]
) -> TrialRecord:
    """Return a finished Optuna trial as autotiny sees it.

    Args:
        trial: A COMPLETE Optuna trial.
        metric: What its scores are.
        study_attributes: User attributes of its study; they hold what is measured after a trial has
            ended, when Optuna no longer lets it change.
    """
    attributes: Mapping[str, Any] = trial.user_attrs
    started, ended = trial.datetime_start, trial.datetime_complete
    return TrialRecord(
        number=trial.number,
        parameters=given_of(attributes) or dict(trial.params),
        footprint=read_footprint(attributes["footprint"]),
        litert_score=attributes.get("accuracy"),
        device_score=study_attributes.get(device_key(trial.number)),
        plan=attributes.get("plan", {}),
        encodings=attributes.get("encodings", {}),
        artifacts=attributes.get("artifacts", {}),
        seconds=(ended - started).total_seconds() if started and ended else 0.0,
        dropped=attributes.get("dropped", {}),
        predicted=attributes.get("predicted", {}),
        metric=metric,
        elsewhere=read_elsewhere(attributes.get("elsewhere", {})),
    )


def device_key(number: int) -> str:
    """Return the study attribute that holds a trial's score in the target's runtime.

    It is called accuracy, as what it is in 0.1.0, whatever the metric.
    """
    return f"device_accuracy:{number}"
