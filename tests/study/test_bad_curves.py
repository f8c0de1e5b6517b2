"""Whatever a training says about itself, each kind from beginning to end: a clear word, and nothing is lost."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest

from support.waiting import until
from support.whole_paths import InProcess, assert_paragraph, run, start, write_study
from tunewise.history import History, TrialRecord
from tunewise.study.storage import open_study

SPACE = {"x": {"type": "float", "low": 0.0, "high": 1.0}}


def study_of(folder: Path, program: str, **parts: object) -> Path:
    """A study file whose trials run a program."""
    (folder / "train.py").write_text(program)
    command = f"{sys.executable} {folder / 'train.py'} {{x}}"
    usual: dict[str, Any] = {
        "evaluate": {"command": command},
        "space": SPACE,
        "proposer": "random",
        "n_trials": 2,
    }
    return write_study(folder, **{**usual, **parts})


def trials_of(file: Path) -> list[TrialRecord]:
    return list(History.from_study(open_study(file.with_suffix(".journal"))))


def first_of(file: Path) -> TrialRecord:
    """The first trial, also where it is to be run again."""
    return TrialRecord.from_optuna(open_study(file.with_suffix(".journal")).trials[0])


SAY = """
import json
def say(step, value):
    print(json.dumps({"step": step, "value": value}), flush=True)
"""


def test_nan_in_a_curve_is_kept_and_does_not_end_the_trial(tmp_path: Path, cli: InProcess) -> None:
    file = study_of(tmp_path, SAY + "[say(k, v) for k, v in enumerate([0.5, float('nan'), float('-inf'), 0.25])]")
    assert cli("tune", file).code == 0
    for trial in trials_of(file):
        assert [step for step, _ in trial.curve] == [0, 1, 2, 3]
        assert math.isnan(trial.curve[1][1])
        assert (trial.state, trial.value) == ("finished", 0.25)
    assert cli("show", file, "-v").code == cli("report", file, "-o", tmp_path / "r.html").code == 0


def test_a_curve_that_ends_with_nan_is_a_failure_with_its_reason(tmp_path: Path, cli: InProcess) -> None:
    file = study_of(tmp_path, SAY + "say(0, 0.5); say(1, float('nan'))", n_trials=1)
    ran = cli("tune", file)
    assert ran.code == 5, ran  # every trial has failed
    trial = first_of(file)
    assert (trial.state, len(trial.curve)) == ("failed", 2)
    assert "nan" in trial.error.lower()


@pytest.mark.filterwarnings("ignore:All-NaN slice")  # NumPy's own, of the patient pruner
@pytest.mark.parametrize("pruner", ["median", "hyperband", "successive_halving", "patient"])
def test_nan_in_a_curve_and_a_pruner(pruner: str, tmp_path: Path, cli: InProcess) -> None:
    spec = {"name": pruner, **({"patience": 2} if pruner == "patient" else {})}
    file = study_of(tmp_path, SAY + "[say(k, float('nan')) for k in range(5)]; say(5, 1.0)", pruner=spec)
    ran = cli("tune", file)
    assert "Traceback" not in ran.err, ran
    assert {t.state for t in trials_of(file)} <= {"finished", "pruned", "failed"}
    assert len(trials_of(file)) == 2


def test_steps_that_go_backwards_are_left_out_and_said(tmp_path: Path, cli: InProcess) -> None:
    file = study_of(tmp_path, SAY + "[say(k, k / 10) for k in (0, 5, 4, 5, 6)]", n_trials=1)
    ran = cli("tune", file)
    assert ran.code == 0, ran
    (trial,) = trials_of(file)
    assert [step for step, _ in trial.curve] == [0, 5, 6]
    assert trial.value == 0.6
    shown = cli("show", file, "-v")
    assert "2 reports came with a step that was not above the last one" in " ".join(shown.out.split()), shown


@pytest.mark.long
@pytest.mark.parametrize("lines", [100_000, 1_000_000])
def test_a_million_lines_are_thinned_and_the_last_is_kept(lines: int, tmp_path: Path, cli: InProcess) -> None:
    flood = (
        f"import sys\nfor k in range(0, {lines}, 1000):\n"
        "    sys.stdout.write(''.join('{\"step\": %d, \"value\": 0.5}\\n' % s for s in range(k, k + 1000)))\n"
        f'print(\'{{"step": {lines}, "value": 0.25}}\')\n'
    )
    file = study_of(tmp_path, flood, n_trials=1)
    assert cli("tune", file).code == 0
    (trial,) = trials_of(file)
    assert trial.curve[-1] == (lines, 0.25)
    assert len(trial.curve) < 3000
    assert trial.value == 0.25
    assert file.with_suffix(".journal").stat().st_size < 10**6


@pytest.mark.long
def test_a_line_that_does_not_end_is_waited_for_and_then_read(tmp_path: Path) -> None:
    """No newline for an hour: the hour ends when the test says so."""
    slow = (
        SAY
        + f"""
import pathlib, sys, time
folder = pathlib.Path({str(tmp_path)!r})
say(0, 0.5)
sys.stdout.write('{{"step": 1, '); sys.stdout.flush()
(folder / "begun").touch()
while not (folder / "end").exists():
    time.sleep(0.01)
print('"value": 0.25}}', flush=True)
"""
    )
    file = study_of(tmp_path, slow, n_trials=1)
    process = start("tune", file)
    until(lambda: (tmp_path / "begun").exists())
    until(lambda: file.with_suffix(".journal").exists() and any(t.curve for t in trials_of(file)))
    assert [t.curve for t in trials_of(file)] == [((0, 0.5),)]  # what is not whole is not read
    (tmp_path / "end").touch()
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    assert trials_of(file)[0].curve == ((0, 0.5), (1, 0.25))


@pytest.mark.long
def test_a_line_that_never_ends_does_not_hide_the_time_limit(tmp_path: Path) -> None:
    endless = SAY + "import sys\nsay(0, 0.5)\nwhile True:\n    sys.stdout.write('x' * 65536)\n"
    command = f"{sys.executable} {tmp_path / 'train.py'} {{x}}"
    file = study_of(tmp_path, endless, n_trials=1, evaluate={"command": command, "timeout_s": 2})
    ran = run("tune", file)
    assert ran.code == 5, ran  # every trial has failed
    trial = first_of(file)
    assert (trial.state, trial.curve) == ("failed", ((0, 0.5),))
    assert "limit of 2 s" in trial.error


@pytest.mark.parametrize("where", ["study file", "command line"])
def test_a_pruner_that_does_not_exist_is_one_paragraph(where: str, tmp_path: Path, cli: InProcess) -> None:
    file = study_of(tmp_path, SAY + "say(0, 1.0)", **({"pruner": "hyperbend"} if where == "study file" else {}))
    ran = cli("tune", file, *(() if where == "study file" else ("--pruner", "hyperbend")))
    assert_paragraph(ran, 2, "hyperbend", "hyperband")
    assert not file.with_suffix(".journal").exists()
