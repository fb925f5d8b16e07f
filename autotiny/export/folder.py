"""A folder of output: all of it, or nothing; what was there is replaced only if it is ours."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from autotiny.errors import InputError
from autotiny.export._manifest import is_bundle_manifest

MANIFEST = "manifest.json"


def check_replaceable(out: Path, force: bool) -> None:
    """Check that a bundle may be written to a folder, before anything takes time.

    Raises:
        InputError: If it exists and may not be replaced.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"The output must be a folder; {out} is a file.")
    if _is_empty(out):
        return
    if not force:
        raise InputError(
            f"The output folder must be new or empty; {out} has files (--force replaces a bundle)."
        )
    manifest = out / MANIFEST
    if not manifest.is_file() or not is_bundle_manifest(manifest.read_text("utf-8", "replace")):
        raise InputError(f"Only a bundle or an empty folder is replaced; {out} is neither.")


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"The output folder must be readable; {folder}: {reason}.") from error


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a hidden folder beside ``out`` that takes its name if nothing goes wrong."""
    created = [parent for parent in out.parents if not parent.exists()]
    partial = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
        folder = partial / "bundle"  # made by us, so that it has the user's permissions
        folder.mkdir()
        yield folder
        _swap(folder, out, partial / "replaced")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"The output folder must be writable; {out}: {reason}.") from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        for parent in () if out.exists() else created:
            with contextlib.suppress(OSError):  # not ours alone any more
                parent.rmdir()


def _swap(folder: Path, out: Path, aside: Path) -> None:
    """Rename ``folder`` to ``out``; what was there is put back if that fails."""
    replaces = out.exists()
    if replaces:
        os.rename(out, aside)
    try:
        os.rename(folder, out)
    except OSError:
        if replaces:
            os.rename(aside, out)
        raise


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by their path within a folder; text as UTF-8 with line feeds."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        target.write_bytes(data)
