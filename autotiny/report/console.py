"""Where text goes: tables and results to standard output, coloured only on a terminal."""

from functools import cache

from rich.console import Console


@cache
def console() -> Console:
    """Return the console of standard output; wide when piped, so that tables are never cut."""
    plain = Console(highlight=False, soft_wrap=False)
    return plain if plain.is_terminal else Console(highlight=False, width=160)
