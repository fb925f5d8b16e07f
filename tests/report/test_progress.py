import io

from rich.console import Console

from autotiny.report.console import console
from autotiny.report.progress import search_progress, trial_line
from autotiny.runtimes import Footprint
from autotiny.study.front import TrialRecord
from autotiny.study.progress import Progress

FOOTPRINT = Footprint(10_000, 30_000, 2_000, 2_048, 4_096, 0, 0, 0)
TRAINED = TrialRecord(7, {}, FOOTPRINT, 0.9, None, {}, {}, {}, 1.5)
REJECTED = TrialRecord(8, {}, FOOTPRINT, None, None, {}, {}, {}, 0.02)
STEPS = (
    Progress("base", 1, 60),
    Progress("base", 2, 60),
    Progress("sensitivity", 1, 24),
    Progress("train", 1, 30),
    Progress("trial", 1, 2, TRAINED),
    Progress("trial", 2, 2, REJECTED),
)


def report(**options):
    file = io.StringIO()
    out = Console(file=file, width=150, markup=False, highlight=False, **options)
    with search_progress(out, 2, 0) as told:
        for step in STEPS:
            told(step)
    return file.getvalue()


def test_piped_progress_is_a_line_per_event():
    assert report().splitlines() == [
        "training the base model (60 steps)",
        "measuring layer sensitivity (24 steps)",
        f"[1/2] {trial_line(TRAINED)}",
        f"[2/2] {trial_line(REJECTED)}",
    ]


def test_live_progress_keeps_the_trials():
    shown = report(force_terminal=True)
    assert trial_line(TRAINED) in shown
    assert trial_line(REJECTED) in shown
    assert "0/2 trials" in shown
    assert shown.index(trial_line(TRAINED)) < shown.index(trial_line(REJECTED))


def test_trial_lines():
    assert "accuracy 0.9000  1.5 s" in trial_line(TRAINED)
    assert "flash  40,000 B (model 10,000)  RAM   6,144 B" in trial_line(TRAINED)
    assert "over budget, not trained  20.0 ms" in trial_line(REJECTED)


def test_text_of_users_is_not_markup(capsys):
    console().print("data [bold]x[/foo].npz :fire:", "y" * 500)
    assert capsys.readouterr().out == f"data [bold]x[/foo].npz :fire: {'y' * 500}\n"
