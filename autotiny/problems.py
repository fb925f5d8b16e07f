"""What pydantic finds wrong, as one sentence."""

from typing import Any

from pydantic import ValidationError

#: Names pydantic gives the members of a union in the path of a key; a user knows only the keys.
_UNION_MEMBERS = ("Range", "Choices", "Value", "int", "float", "bool", "str")


def first_problem(error: ValidationError, inside: str = "") -> str:
    """Return the first problem of a validation as one sentence.

    Args:
        error: What pydantic found.
        inside: Key that holds what was validated.
    """
    problem = error.errors()[0]
    parts = [inside, *(str(part) for part in problem["loc"])]
    where = ".".join(p for p in parts if p and p not in _UNION_MEMBERS and "(" not in p)
    kind, given = problem["type"], problem.get("input")
    message = problem["msg"].removeprefix("Value error, ").partition(", unable to parse")[0]
    message = message.replace("Input should be", "must be")
    if kind == "extra_forbidden":
        return f"{where} is not a known key."
    if kind == "missing":
        return f"{where} must be given."
    if kind != "value_error":
        message += f"; got {_shortened(given)}"
    if where and where not in message:
        separator = " " if message.startswith("must ") else ": "
        message = f"{where}{separator}{message}"
    return message if message.endswith((".", "?")) else f"{message}."


def _shortened(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}…"
