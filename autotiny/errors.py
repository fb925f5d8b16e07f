"""Everything autotiny raises on purpose, with the exit code the command line gives it."""


class AutotinyError(Exception):
    """Root of all autotiny errors; the message is one sentence that a user can act on."""

    exit_code = 1


class InputError(AutotinyError):
    """Something the user gave is wrong: the message says the rule, the value and what is legal."""

    exit_code = 2


class UnsupportedModelError(InputError):
    """A model uses something that the runtime or the target cannot run."""


class CandidateError(AutotinyError):
    """One candidate cannot be finished, for a reason of its own; a search goes on without it."""


class DivergedError(CandidateError):
    """Training left the finite numbers."""


class AutotinyWarning(UserWarning):
    """Something that works, but not as one might expect."""


class SearchInterruptedError(AutotinyError):
    """The user pressed Ctrl-C; the message says what is kept and how to go on."""

    exit_code = 130


class NothingFitsError(AutotinyError):
    """A command finished and wrote its results, but nothing is within the budget."""

    exit_code = 3
