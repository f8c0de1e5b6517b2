"""Neighbours of what was once reported: of each kind another case."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from support.bounds import forget_the_peak, megabytes
from support.forms import in_short
from support.whole_paths import InProcess, write_study
from tunewise import Categorical, Float, Int, LLMSampler, SearchSpace, tune


def test_a_database_without_a_folder_stands_beside_the_study_file(
    tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    file = write_study(
        tmp_path,
        objective="def objective(c): return c['C']",
        proposer="random",
        n_trials=2,
        storage="sqlite:///x.db",
    )
    assert cli("tune", file, "-q").code == 0
    assert (tmp_path / "x.db").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert "in trial" in cli("show", file).out


@pytest.mark.parametrize("name", ["[", "x[red]y", "[/b]", "[link=a]b"])
def test_markup_in_a_path_is_a_path(name: str, tmp_path: Path, cli: InProcess) -> None:
    folder = tmp_path / name.replace("/", "\N{DIVISION SLASH}") / "[bold]"
    folder.mkdir(parents=True)
    constant = {"C": {"type": "float", "low": 1, "high": 1}}
    file = write_study(
        folder, objective="def objective(c): return c['C']", space=constant, proposer="random", n_trials=2
    )
    for words in (("tune",), ("tune", "--n-trials", "3"), ("show",)):
        ran = cli(words[0], file, *words[1:])
        assert ran.code == 0, ran
        assert "Traceback" not in ran.err
    assert "study.journal" in "".join(cli("tune", file).out.split())
    assert "[bold]" in "".join(f"{cli('tune', file)}".split())


def test_a_default_that_the_user_made_up_is_told_as_the_starting_point(tmp_path: Path, cli: InProcess) -> None:
    invented = {"C": {"type": "float", "low": 1, "high": 9, "default": 2.5}}
    file = write_study(
        tmp_path,
        objective="def objective(c): return c['C']",
        space=invented,
        n_trials=1,
    )
    assert cli("tune", file, "--proposer", "random").code == 0
    assert "your starting point" in cli("show", file, "-v").out
    prompt = cli("prompt", file)
    assert "2.5" in prompt.out, prompt
    assert "library" not in prompt.out


MANY = {
    "one of 3,000": {"x": Categorical([f"choice {k}" for k in range(3000)])},
    "eight of 500": {f"x{k}": Categorical([*range(500)]) for k in range(8)},
}


@pytest.mark.parametrize("kind", in_short(["one of 3,000"], MANY))
def test_many_choices_take_neither_time_nor_memory(kind: str) -> None:
    space = SearchSpace(MANY[kind])
    before, begun = megabytes("VmRSS"), time.process_time()
    forget_the_peak()
    tune(lambda c: float(len(str(c))), space, n_trials=5)
    assert time.process_time() - begun < 20  # they took 492 s, and 20 s a proposal
    assert megabytes("VmHWM") - before < 300  # and 1 GB


def layers(trial: optuna.Trial) -> float:
    """A network of as many layers as the trial says."""
    return float(sum(trial.suggest_int(f"width {k}", 1, 3) for k in range(trial.suggest_int("layers", 1, 3))))


FLAT = SearchSpace({"m": Categorical(["a", "b"]), "a": Int(1, 6), "b": Int(1, 6), "unused": Float(0, 1)})


def branches(trial: optuna.Trial) -> float:
    """Of an explicit space, a part that depends on another, which the space does not say."""
    return float(trial.suggest_int(trial.suggest_categorical("m", ["a", "b"]), 1, 6))


@pytest.mark.parametrize(
    ("objective", "space", "least"),
    [(layers, None, 13), pytest.param(branches, None, 9, marks=pytest.mark.long), (branches, FLAT, 9)],
)
def test_repeats_are_seen_by_what_trials_really_had(
    objective: Callable[[optuna.Trial], float], space: SearchSpace | None, least: int
) -> None:
    study = optuna.create_study(sampler=LLMSampler(None, space=space, seed=0))
    study.optimize(objective, n_trials=18 if objective is layers else 12)
    assert len({tuple(sorted(t.params.items())) for t in study.trials}) >= least
