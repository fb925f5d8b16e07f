"""Where text goes: tables and results to standard output, coloured only on a terminal."""

from functools import cache

from rich.console import Console

_PIPED_WIDTH = 1000


@cache
def console() -> Console:
    """Return the console of standard output; wide when piped, so that nothing is wrapped or cut.

    Markup and emoji codes are off: a path may hold ``[x]`` or ``:x:``.
    """
    plain = Console(highlight=False, markup=False, emoji=False)
    if plain.is_terminal:
        return plain
    return Console(highlight=False, markup=False, emoji=False, width=_PIPED_WIDTH)
