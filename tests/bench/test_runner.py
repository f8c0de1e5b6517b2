"""Runs are resumable, deterministic, and wrong arguments are found before anything is computed."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from support.waiting import PATIENCE_S, until, until_gone
from support.whole_paths import InProcess, assert_paragraph, start
from tunewise.bench.methods import METHODS, Setting, choose
from tunewise.bench.problems import get as find_problem
from tunewise.bench.records import Records, Run, RunKey, Step, append, read_runs
from tunewise.bench.report import write_report
from tunewise.bench.runner import plan, play, run
from tunewise.cli.bench import as_written
from tunewise.errors import BudgetReached, ModelUnavailable, UsageError
from tunewise.llm.base import ChatReply
from tunewise.llm.prices import Price
from tunewise.llm.scripted import FunctionModel, ScriptedModel
from tunewise.testing.simulated import expert

BRANIN, ACKLEY = "branin", "ackley"


def timeless(runs: Records) -> dict[RunKey, Any]:
    """Runs without what differs each time."""
    return {
        key: [replace(step, seconds=0, cpu_seconds=0, evaluation_seconds=0) for step in r.steps]
        for key, r in runs.items()
    }


def small(records: Path, **changes: Any) -> Any:
    """A run of a second."""
    arguments: dict[str, Any] = {"budgets": (6,), "seeds": 2, "pool": 8, "records": records} | changes
    methods = arguments.pop("methods", "random,tpe")
    return run([BRANIN, ACKLEY], choose(methods), **arguments)


def test_records_hold_each_evaluation_once(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    report = small(file)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(rows) == 2 * 8 + 2 * 2 * 6
    assert {row["versions"].split(",")[0].split()[0] for row in rows} == {"tunewise"}
    assert {row["protocol"] for row in rows} == {"formula"}
    assert timeless(read_runs([file])) == timeless(report.runs)
    assert len(report.runs) == 2 * 1 + 2 * 2  # the pool is evaluated once, whatever the seeds
    first = report.runs[RunKey(BRANIN, "formula", "tpe", "", "", 6, 0)]
    assert [step.source for step in first.steps] == ["random"] * 6
    problem = find_problem(BRANIN)
    assert [problem.evaluate(step.configuration).value for step in first.steps] == [step.value for step in first.steps]


def test_runs_are_ordered_by_seed_so_that_a_part_is_balanced() -> None:
    found = plan([find_problem(BRANIN)], choose("random,tpe,smac-rf:1"), budgets=(30, 10), seeds=2, pool=9, model="")
    assert [(key.method, key.seed, key.budget, size) for key, size in found.runs] == [
        ("random", 0, 9, 9),
        ("tpe", 0, 30, 30),  # its first ten are a run of ten
        ("smac-rf", 0, 10, 10),  # whose design depends on the budget
        ("smac-rf", 0, 30, 30),
        ("tpe", 1, 30, 30),
    ]


def test_a_second_call_adds_what_is_missing_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    small(file, seeds=1)
    before = file.read_text()
    report = small(file)
    assert file.read_text().startswith(before)
    assert timeless(report.runs) == timeless(small(tmp_path / "other.jsonl").runs)
    after = file.read_text()
    small(file)
    assert file.read_text() == after


@pytest.mark.parametrize("cut", [1, 40, 700, 1500])
def test_a_torn_end_is_done_again(cut: int, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    whole = small(file).runs
    data = file.read_bytes()
    file.write_bytes(data[:-cut])
    assert timeless(small(file).runs) == timeless(whole)
    again = file.read_text().splitlines()
    assert timeless(read_runs([file])) == timeless(whole)
    ends = [line for line in again if line.endswith('"last":true}')]
    assert len(ends) == len(whole)


def test_a_damaged_middle_is_said(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    small(file)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:10], lines[10][:30], *lines[11:]]) + "\n")
    with pytest.raises(UsageError, match=r"Line 11 .* is no record"):
        read_runs([file])
    file.write_text("\n".join([json.dumps({"v": 7}), *lines]) + "\n")
    with pytest.raises(UsageError, match=r"Line 1 .* version 7"):
        read_runs([file])


@pytest.mark.parametrize("text", ["name: a study\n", '{"storage": 1}\n', "[1]\n", ""])
def test_nothing_is_added_to_a_file_that_is_something_else(text: str, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(text)
    if text:
        with pytest.raises(UsageError, match="Line 1"):
            small(file)
        assert file.read_text() == text
    else:
        assert len(small(file).runs) == 6


@pytest.mark.parametrize(
    ("old", "new"), [('"value":', '"value":"x","y":'), ('"trial":3', '"trial":"3"'), ('"method":"tpe"', '"method":[]')]
)
def test_a_tampered_record_is_said(old: str, new: str, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    small(file)
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(UsageError, match="damaged record"):
        read_runs([file])


def test_a_longer_run_answers_for_a_shorter(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    small(file)
    before = file.read_text()
    assert {key.budget for key in small(file, budgets=(4,), pool=5).runs} == {6, 8}
    assert file.read_text() == before
    assert any(key.budget == 7 for key in small(file, budgets=(7,)).runs)


def test_values_that_are_no_numbers_are_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewise.bench.problems.landscapes import Landscape
    from tunewise.evaluate.base import Evaluation

    def broken(*_: object) -> Evaluation:
        return Evaluation(math.nan, {"test_error": math.inf})

    monkeypatch.setattr(Landscape, "evaluate", broken)
    steps = [step for run in small(tmp_path / "r").runs.values() for step in run.steps]
    assert {(step.value, step.error, bool(step.extra)) for step in steps} == {(None, "The value is nan.", False)}


def test_of_two_equal_runs_the_first_counts(tmp_path: Path) -> None:
    key = RunKey("p", "formula", "tpe", "", "", 1, 0)
    for value in (1.0, 2.0):
        append(tmp_path / "r", Run(key=key, steps=(Step(configuration={"x": 1.0}, source="random", value=value),)))
    assert read_runs([tmp_path / "r"])[key].steps[0].value == 1.0


@pytest.mark.long
def test_kill_in_the_middle_of_two_processes(tmp_path: Path) -> None:
    words = ["bench", "run", f"{BRANIN},{ACKLEY}", "--methods", "random,tpe,gp", "--budget", "12", "--seeds", "3"]
    words += ["--pool", "20", "--jobs", "2", "-q", "--records"]
    file = tmp_path / "killed.jsonl"
    process = start(*words, file)
    until(lambda: file.exists() and file.stat().st_size > 3000)
    children = children_of(process.pid)
    process.kill()
    process.communicate()
    part = read_runs([file])
    assert 0 < len(part) < 14
    assert children
    until_gone(*children)  # workers end with a parent that could not say goodbye

    with file.open("a") as torn:
        torn.write('{"v":1,"problem":"bra')
    again = start(*words, file)
    out, err = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, (out, err)
    whole = run(
        [BRANIN, ACKLEY],
        choose("random,tpe,gp"),
        budgets=(12,),
        seeds=3,
        pool=20,
        records=tmp_path / "undisturbed.jsonl",
    )
    resumed = read_runs([file])
    assert timeless(resumed) == timeless(whole.runs)
    ends = [line for line in file.read_text().splitlines() if line.endswith('"last":true}')]
    assert len(ends) == len(resumed) == 14


def children_of(pid: int) -> list[int]:
    """Processes whose parent it is."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_second_process_on_the_same_file_is_told(tmp_path: Path, cli: InProcess) -> None:
    from filelock import FileLock

    file = tmp_path / "r.jsonl"
    with FileLock(f"{file}.lock"):
        ran = cli("bench", "run", BRANIN, "--methods", "tpe", "--records", file)
    assert_paragraph(ran, 2, "Another process is adding to", "--records")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["landscapes", "--methods", "tpee"], ["'tpee'", "Did you mean tpe?"]),
        (["landscapes", "--methods", "tpe:x"], ["number of seeds"]),
        (["landscapes", "--methods", ","], ["No method was named"]),
        (["brannin", "--methods", "tpe"], ["brannin", "Did you mean branin?"]),
        (["landscapes", "--methods", "tpe", "--budget", "ten"], ["--budget", "10,30"]),
        (["landscapes", "--methods", "auto"], ["auto", "--model"]),
        (["landscapes", "--methods", "auto", "--model", "manual", "--jobs", "2"], ["--jobs 1"]),
        (["svm", "--methods", "tpe", "--mode", "live", "--data-dir", "nowhere"], ["nowhere"]),
        (["nn", "--methods", "tpe", "--protocol", "clean"], ["protocol clean"]),
        (["svm:no-such-data", "--methods", "tpe"], ["no-such-data"]),
        (["svm+upside-down", "--methods", "tpe"], ["upside-down"]),
        (["landscapes", "--methods", "auto", "--model", "embeded"], ["embeded", "Did you mean"]),
        (["landscapes", "--methods", "tpe", "--records", "nowhere/at/all.jsonl"], ["cannot be written"]),
    ],
)
def test_wrong_arguments_are_found_before_anything_is_computed(
    words: list[str], said: list[str], tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_paragraph(cli("bench", "run", *words), 2, *said)
    assert not (tmp_path / "bench.jsonl").exists()


def test_a_method_without_its_library_names_the_extra() -> None:
    with pytest.raises(UsageError, match=r"needs no-such-package.*tunewise\[bench\]"):
        replace(METHODS["tpe"], packages=("no-such-package",)).check()


def test_what_does_not_fit_is_said_once_and_left_out(tmp_path: Path, cli: InProcess) -> None:
    words = ["bench", "run", BRANIN, "--methods", "random,default+tpe", "--pool", "5", "--seeds", "2", "-q"]
    ran = cli(*words, "--budget", "4", "--records", tmp_path / "r")
    assert ran.code == 0, ran
    assert ran.err.count("default+tpe") == 1
    assert "no default configuration" in ran.err


def test_a_crash_of_a_library_is_reported_and_the_rest_goes_on(
    tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a library's own mistake")

    monkeypatch.setattr(optuna.samplers.TPESampler, "sample_independent", broken)
    words = ["bench", "run", BRANIN, "--methods", "random,tpe,default+gp", "--pool", "5", "--seeds", "1", "-q"]
    ran = cli(*words, "--budget", "4", "--records", tmp_path / "r")
    assert_paragraph(ran, 2, "1 runs ended in an error of their library")
    assert "a library's own mistake" in ran.err
    assert {key.method for key in read_runs([tmp_path / "r"])} == {"random", "default+gp"}


def test_a_model_that_is_silent_ends_the_run(tmp_path: Path) -> None:
    dead = ScriptedModel([ModelUnavailable("the line is dead")] * 20, name="dead")
    with pytest.raises(ModelUnavailable, match="no reply for 3 trials in a row"):
        small(tmp_path / "r", methods="compressed", model=dead)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.asks])
def test_methods_that_ask_say_who_made_each_point(name: str) -> None:
    problem = find_problem(BRANIN)
    model = expert({"x1": 3.14, "x2": 2.28}, seed=1)
    if METHODS[name].refuses(problem):
        assert name.startswith("default+") or name == "programs"
        return
    setting = Setting(problem=problem, budget=12, seed=0, model=model)
    steps = list(play(METHODS[name], setting))
    assert len(steps) == 12
    by_model = [k for k, step in enumerate(steps) if step.source in ("model", "repair")]
    assert by_model
    assert sum(step.calls for step in steps) == len(model.requests)
    if name == "llm-then-bo":
        assert by_model == list(range(10))
        assert [step.source for step in steps[10:]] == ["surrogate"] * 2
    elif not name.startswith("auto"):
        assert by_model == list(range(12))
    assert min(step.value or 0.0 for step in steps) < 5


def test_cost_and_tokens_are_unknown_where_the_server_does_not_say() -> None:
    problem = find_problem(BRANIN)
    model = FunctionModel(lambda request: json.dumps({"x1": len(request.messages[-1].content) % 14 - 4.5, "x2": 3.3}))
    model.price = None
    step = next(iter(play(METHODS["compressed"], Setting(problem=problem, budget=2, seed=0, model=model))))
    assert (step.calls, step.input_tokens, step.cost_usd) == (1, None, None)


def test_a_cap_in_dollars_leaves_runs_out_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    said = count()
    used: dict[str, Any] = {"model": "m", "input_tokens": 100, "output_tokens": 10}
    model = FunctionModel(lambda _: ChatReply(text=json.dumps({"x1": next(said) / 10, "x2": 1}), **used), name="m")
    model.price = Price(input_usd_per_million=100, output_usd_per_million=0)
    given: dict[str, Any] = {"model": model, "methods": "tpe,compressed", "seeds": 1, "budgets": (2,)}
    file = tmp_path / "r.jsonl"
    with pytest.raises(BudgetReached, match=r"have cost \$0\.\d+; --max-usd is 0\.001\. 1 runs that ask"):
        small(file, max_usd=0.001, **given)
    assert sorted(key.method for key in read_runs([file])) == ["compressed", "tpe", "tpe"]
    assert len(small(file, max_usd=1.0, **given).runs) == 4


def test_a_cap_cannot_hold_where_the_cost_is_unknown(tmp_path: Path) -> None:
    model = FunctionModel(lambda _: '{"x1": 1, "x2": 2}', name="m")
    model.price = None
    with pytest.raises(BudgetReached, match="have cost an unknown sum"):
        small(tmp_path / "r.jsonl", max_usd=5, model=model, methods="compressed", seeds=1, budgets=(2,))
    with pytest.raises(UsageError, match="not a number of dollars"):
        small(tmp_path / "r.jsonl", max_usd=float("nan"), methods="tpe")


@pytest.mark.long
def test_environment_is_left_as_it_was(tmp_path: Path) -> None:
    before = dict(os.environ)
    small(tmp_path / "r", jobs=2, seeds=1)
    assert dict(os.environ) == before


@pytest.mark.long
def test_what_made_a_run_is_kept_with_it_and_stands_in_the_report(tmp_path: Path) -> None:
    made = "tunewise bench run branin --records r.jsonl"
    runs = small(tmp_path / "r.jsonl", seeds=1, command=made).runs
    assert {each.command for each in runs.values()} == {made}
    assert {each.command for each in read_runs([tmp_path / "r.jsonl"]).values()} == {made}
    write_report([tmp_path / "r.jsonl"], tmp_path / "report")
    assert f"    {made}\n" in (tmp_path / "report" / "report.md").read_text("utf-8")


def test_a_command_is_kept_without_folders_and_secrets() -> None:
    words = ["bench", "run", "svm", "--records", "/home/me/x/r.jsonl", "--data-dir=/data/sets", "--model", "a/b"]
    kept = "tunewise bench run svm --records r.jsonl --data-dir=sets --model a/b"
    assert as_written(words) == kept
    assert "hunter2" not in as_written(["--base-url", "https://me:hunter2@host/v1"])
