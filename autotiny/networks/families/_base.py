"""What the options of every family share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1, le=4096)]


class FamilyOptions(BaseModel):
    """The ``base:`` section of a search space; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return ``(n, n)`` for a single number."""
    return (value, value) if isinstance(value, int) else value
