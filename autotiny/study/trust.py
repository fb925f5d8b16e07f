"""Whose study is it? One that was made on this machine may run its own data function again.

A study names its data, and ``package.module:function`` is code. It is run without asking only if
the study was made here, which is known by a message authentication code (HMAC, RFC 2104) of what
the study names, under a key that never leaves this machine.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from autotiny.errors import InputError
from autotiny.readers.model_file import runs_code as model_runs_code
from autotiny.study.config import StudyConfig

_ORIGIN = "origin"


def sign(folder: Path, *facts: str) -> None:
    """Mark a study as made, or trusted, on this machine; without a home nothing is marked.

    Args:
        folder: The study's.
        facts: What the study names; see :func:`facts_of`.
    """
    with contextlib.suppress(OSError):
        (folder / _ORIGIN).write_text(_code(_key(), facts) + "\n", encoding="ascii")


def facts_of(config: StudyConfig) -> tuple[str, ...]:
    """Return what is signed of a study: its data, and models that are made by code."""
    named = ((config.model, config.model_sha256), (config.teacher, config.teacher_sha256))
    code = [(name, str(sha)) for name, sha in named if name is not None and model_runs_code(name)]
    return (config.data, config.fingerprint, *(fact for pair in code for fact in pair))


def is_trusted(folder: Path, *facts: str) -> bool:
    """Whether a study was made, or trusted, on this machine.

    Args:
        folder: The study's.
        facts: As they were signed.
    """
    try:
        stored = (folder / _ORIGIN).read_text(encoding="ascii").strip()
        return hmac.compare_digest(stored, _code(_key(), facts))
    except (OSError, ValueError):
        return False


def require_trusted(folder: Path, *facts: str, names: str | None = None) -> None:
    """Refuse to run the code that a study of another machine names.

    Args:
        folder: The study's.
        facts: As they were signed; the first is the data's spec.
        names: The code, ``package.module:function``, if it is not the data's.

    Raises:
        InputError: If the study carries no mark of this machine.
    """
    if not is_trusted(folder, *facts):
        raise InputError(
            "Code that a study names is run only if the study was made on this machine; "
            f"{folder.name} carries no mark of that, and its {'model' if names else 'data'} is "
            f"{names or facts[0]}: read that code, then add --trust."
        )


def _code(key: bytes, facts: tuple[str, ...]) -> str:
    return hmac.new(key, "\0".join(facts).encode(), hashlib.sha256).hexdigest()


def _key() -> bytes:
    """Return this machine's key for this user; made when first needed.

    Raises:
        OSError: If there is none and none can be kept.
    """
    path = _state_folder() / "autotiny" / "key"
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Linked into place, so that of two processes one makes the key and both use it.
    temporary = path.with_name(f"key.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_bytes(secrets.token_bytes(32))
    with contextlib.suppress(FileExistsError):
        os.link(temporary, path)
    temporary.unlink()
    return path.read_bytes()


def _state_folder() -> Path:
    """Return where programs keep state, as the XDG base directory specification says.

    Raises:
        OSError: If the user has no home.
    """
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    if named.is_absolute():
        return named
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise OSError(str(error)) from None
