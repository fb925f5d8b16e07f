"""The page of methods names every hyperparameter and every choice there is."""

from pathlib import Path

import pytest

from autotiny.hyperparameters import RULES

PAGE = (Path(__file__).parents[1] / "docs" / "methods.md").read_text(encoding="utf-8")
#: Told on pages of their own.
ELSEWHERE = {"depth", "precision_tolerance", "encoding_ram"}


@pytest.mark.parametrize("name", [name for name in RULES if name not in ELSEWHERE])
def test_the_page_names_it(name):
    assert f"`{name}`" in PAGE or f"`{name}:" in PAGE
    for choice in RULES[name].choices:
        assert f"`{choice}`" in PAGE or choice == "none" or f": {choice}`" in PAGE, choice
