"""Where data that ships beside the package lies: in a checkout and in an installed wheel."""

from pathlib import Path
from typing import Literal

#: Top-level folders of the project that a wheel carries as ``autotiny/_data/<name>`` (setup.py).
Resource = Literal["firmware_templates", "search_spaces"]

_PACKAGE = Path(__file__).resolve().parent


def resource_dir(name: Resource) -> Path:
    """Return the folder of a resource.

    Raises:
        FileNotFoundError: If this installation was built without it.
    """
    for folder in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"autotiny was installed without its {name} folder.")
