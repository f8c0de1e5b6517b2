"""What a capable reader played, as records of the benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewise.bench.played import READER, as_records, main
from tunewise.bench.recorded import load_recordings
from tunewise.bench.records import read_runs
from tunewise.errors import UsageError


@pytest.mark.long
def test_a_series_is_one_run_a_task(tmp_path: Path) -> None:
    runs = list(as_records(["auto-0.2-30-d"]))
    assert len({run.key.problem for run in runs}) == len(runs) == 32
    assert {(run.key.method, run.key.model, run.key.budget) for run in runs} == {("auto", READER, 30)}
    path = tmp_path / "played.jsonl"
    path.write_text("".join(run.lines() for run in runs))
    assert list(read_runs([path])) == [run.key for run in runs]


def test_the_first_trials_of_a_run_are_called_so() -> None:
    whole, *_ = as_records(["auto-0.2-30-d"])
    part, *_ = as_records(["auto-0.2-30-d"], first=10)
    assert (part.key.budget, part.key.variant) == (10, "first 10 of 30")
    assert part.steps == whole.steps[:10]
    assert "--first 10" in part.command


def test_series_of_one_method_are_its_plays() -> None:
    runs = list(as_records(["auto-0.2-30-d", "compressed-30", "auto-0.2-30-e"]))
    seeds = [{run.key.seed for run in runs[k : k + 32]} for k in (0, 32, 64)]
    assert seeds == [{0}, {0}, {1}]
    assert len({run.key for run in runs}) == 96


def test_series_are_written_behind_each_other_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "played.jsonl"
    for words in (["compressed-30"], ["compressed-30", "--first", "10"], ["compressed-30"]):
        monkeypatch.setattr("sys.argv", ["played", *words, "-o", str(path)])
        main()
    assert len(read_runs([path])) == 64
    assert path.read_text() == "".join(
        run.lines() for first in (None, 10) for run in as_records(["compressed-30"], first)
    )


def test_calls_are_those_of_the_model() -> None:
    (run, *_) = as_records(["compressed-30"])
    kept = next(r for r in load_recordings() if (r.run, r.problem) == ("compressed-30", run.key.problem))
    assert sum(step.calls for step in run.steps) == sum(s.source in ("model", "repair") for s in kept.steps) > 20


def test_an_unknown_series_is_said() -> None:
    with pytest.raises(UsageError, match=r"no series 'auto-0\.2-3'.*auto-0\.2-30"):
        list(as_records(["auto-0.2-3"]))
