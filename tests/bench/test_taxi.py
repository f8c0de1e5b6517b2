"""The taxi trips: one network trained for real, programs on the same terms, and a page that calls a loss a loss."""

from __future__ import annotations

import json
import pickle
import re
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.whole_paths import InProcess, assert_paragraph
from tunewise.bench.methods import METHODS, choose
from tunewise.bench.problems import get
from tunewise.bench.problems.taxi import BASELINE
from tunewise.bench.records import Records, Run, RunKey, read_runs
from tunewise.bench.report import write_report
from tunewise.bench.results import Results
from tunewise.bench.runner import run
from tunewise.bench.suites import Terms
from tunewise.errors import StudyError, UsageError
from tunewise.llm.base import ChatReply, ChatRequest, ToolCall
from tunewise.llm.scripted import FunctionModel

pytest.importorskip("torch", reason="the network on the trips is trained with torch")

PROGRAM = f"The fixed program.\n```python{BASELINE}```"
BROKEN = PROGRAM.replace("import torch\n", "import torch, pandas\n", 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 300 trips, which take the longer the farther their zones are apart."""
    rng = np.random.default_rng(0)
    zones = rng.integers(1, 6, (2, 300))
    pickup = [datetime(2023, 1, 2) + timedelta(hours=2 * k) for k in range(300)]  # noqa: DTZ001 - as the files have it
    minutes = 5 + 6.0 * abs(zones[0] - zones[1]) + rng.uniform(0, 3, 300)
    month = pa.table(
        {
            "lpep_pickup_datetime": pickup,
            "lpep_dropoff_datetime": [p + timedelta(minutes=float(m)) for p, m in zip(pickup, minutes, strict=True)],
            "PULocationID": zones[0],
            "DOLocationID": zones[1],
            "passenger_count": np.ones(300),
            "trip_type": np.ones(300),
            "VendorID": np.full(300, 2),
        }
    )
    folder = tmp_path_factory.mktemp("data")
    (folder / "nyc_green_2023").mkdir()
    pq.write_table(month, folder / "nyc_green_2023" / "green_tripdata_2023-01.parquet")
    return folder


@pytest.mark.long
def test_values_are_losses_and_the_same_again(data: Path) -> None:
    problem = get("taxi", data_dir=data)
    copied = pickle.loads(pickle.dumps(problem))
    assert problem.name == "taxi"
    assert problem.best is None
    assert re.fullmatch(r"180 / 60 / 60 trips by time, 5 epochs, data [0-9a-f]{12}", problem.protocol)
    assert problem.task.metric == "validation loss"
    fast = {**(problem.space.default or {}), "learning_rate": 0.02, "batch_size": 32}
    found = problem.evaluate(fast)
    assert found == copied.evaluate(fast)
    assert 0 < found.value < 0.8  # always predicting the training mean scores about 1
    assert found.extra["test_loss"] != found.value
    for place in (0.0, 1.0):
        corner = problem.space.decode([place] * problem.space.width)
        assert problem.evaluate(corner).value > 0


def test_without_trips_it_says_what_it_needs(
    data: Path, tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["bench", "run", "taxi", "--methods", "random", "--records", tmp_path / "r"]
    assert_paragraph(cli(*words, "--data-dir", tmp_path), 2, "nyc_green_2023", str(tmp_path), "--data-dir")
    (tmp_path / "nyc_green_2023").mkdir()
    assert_paragraph(cli(*words, "--data-dir", tmp_path), 2, "green_tripdata_YYYY-MM.parquet")
    monkeypatch.delenv("TUNEWISE_DATA", raising=False)
    with pytest.raises(StudyError, match="no folder with data was named"):
        get("taxi")
    assert get("taxi+renamed", data_dir=data).name == "taxi+renamed"
    copy = copytree(data, tmp_path / "copy")  # nothing of which has been read
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(StudyError, match=r"pyarrow.*tunewise\[codegen\]"):
        get("taxi", data_dir=copy)


def test_programs_are_for_programmable_problems_alone(data: Path) -> None:
    method = METHODS["programs"]
    assert method.refuses(get("taxi", data_dir=data)) == ""
    for problem in (get("branin"), get("svm:car"), get("taxi+renamed", data_dir=data)):
        assert method.refuses(problem) == "a model can write programs for taxi alone, unwrapped"


def player() -> FunctionModel:
    """Writes a broken program, then the fixed one, and tunes it by a call; or names a configuration."""
    programs = iter([BROKEN, PROGRAM])

    def reply(request: ChatRequest) -> str | ChatReply:
        if request.tools:
            call = ToolCall(name=request.tools[0].name, arguments=json.dumps({"width": 100}), id="1")
            return ChatReply(text="Wider.", model="player", tool_calls=(call,))
        if "make_model_and_optimizer" in request.messages[-1].content:
            return next(programs)
        turn = len(request.messages[-1].content)  # something new each time
        return json.dumps(
            {"depth": 1, "width": turn % 200 + 16, "batch_size": 64, "learning_rate": 0.01, "weight_decay": 1e-4}
        )

    return FunctionModel(reply, name="player")


@pytest.fixture(scope="module")
def model() -> FunctionModel:
    return player()


@pytest.fixture(scope="module")
def records(data: Path, model: FunctionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each kind."""
    file = tmp_path_factory.mktemp("runs") / "taxi.jsonl"
    methods = choose("random,compressed,programs")
    terms = Terms(data_dir=data)
    report = run(["taxi"], methods, budgets=[2], seeds=1, pool=4, records=file, model=model, terms=terms)
    assert not report.crashes
    return file


def test_a_run_of_programs_tells_the_truth(data: Path, model: FunctionModel, records: Path) -> None:
    runs = {key.method: found.steps for key, found in read_runs([records]).items()}
    assert sum(step.calls for steps in runs.values() for step in steps) == len(model.requests)
    first, second = runs["programs"]
    assert (first.source, first.refused, first.calls) == ("model", 1, 2)
    assert [(p["kind"], bool(p["objection"])) for p in first.programs] == [("draft", True), ("repair", False)]
    assert str(first.programs[1]["code"]).strip() == BASELINE.strip()
    assert not second.programs
    problem = get("taxi", data_dir=data)
    for step in (first, second):  # the fixed program scores as the problem does: the terms are the same
        own = {name.removeprefix("p2."): value for name, value in step.configuration.items()}
        assert problem.evaluate(own).value == step.value
    assert first.configuration["p2.width"] == 64
    assert all("test_loss" in step.extra for steps in runs.values() for step in steps)


def test_a_model_that_writes_no_program_has_failed_evaluations(data: Path, records: Path, tmp_path: Path) -> None:
    file = tmp_path / "taxi.jsonl"
    file.write_text("".join(f"{line}\n" for line in records.read_text().splitlines() if '"programs"' not in line))
    model = FunctionModel(lambda _: BROKEN, name="player")
    report = run(
        ["taxi"], choose("programs"), budgets=[2], seeds=1, records=file, model=model, terms=Terms(data_dir=data)
    )
    (steps,) = (found.steps for found in report.runs.values())
    assert [(step.value, step.configuration, step.calls, step.refused) for step in steps] == [(None, {}, 5, 5)] * 2
    assert "imports pandas" in steps[0].error
    write_report([file], tmp_path / "r")
    text = (tmp_path / "r/report.md").read_text()
    assert "| programs | failed, failed |" in text
    assert "p10 repair: refused." in text


def test_the_page_shows_losses_and_programs(records: Path, tmp_path: Path) -> None:
    write_report([records], tmp_path / "r", note="Played by a script.")
    text = (tmp_path / "r/report.md").read_text()
    assert "Played by a script." in text
    assert "tunewise bench run" not in text  # these records keep no command, and none is made up
    assert "| method | evaluations | seeds | validation loss | test loss |" in text
    assert "    p1 draft: refused." in text
    assert "       └ p2 repair: best" in text
    assert (tmp_path / "r/figures/test-taxi.svg").exists()
    for page in (text, (tmp_path / "r/tasks/taxi.md").read_text(), (tmp_path / "r/index.html").read_text()):
        assert "test loss" in page
        assert "validation error" not in page
        assert "test error" not in page


def test_failures_count_as_the_worst_random_configuration(records: Path) -> None:
    runs = read_runs([records])
    key = next(key for key in runs if key.method == "compressed")
    results = Results(tuple({**runs, key: broken_first(runs, key)}.values()))
    search = results.random_search("taxi", 2)
    assert results.test_curves("taxi", "compressed", 2)[0].tolist() == [
        search.tests[-1],
        runs[key].steps[1].extra["test_loss"],
    ]
    assert search.chances.sum() == pytest.approx(1)
    assert search.beaten(-1) == pytest.approx(1)
    assert search.beaten(99) == 0


def broken_first(runs: Records, key: RunKey) -> Run:
    """A run whose first evaluation failed, and whose second is better than all random ones."""
    first, second = runs[key].steps
    return replace(runs[key], steps=(replace(first, value=None, extra={}), replace(second, value=0.0)))


def test_a_damaged_program_is_said(records: Path, tmp_path: Path) -> None:
    text = records.read_text()
    for wrong in ('{"no":1', '{"number":"1"', '5,{"number":1', '{"number":[1]'):
        (tmp_path / "a").write_text(text.replace('"programs":[{"number":1', f'"programs":[{wrong}'))
        with pytest.raises(StudyError, match="program is damaged"):
            write_report([tmp_path / "a"], tmp_path / "r")
    (tmp_path / "b").write_text(text.replace('"programs":[{', '"programs":{"x":[{').replace('}],"', '}]},"'))
    with pytest.raises(UsageError, match="damaged record"):
        read_runs([tmp_path / "b"])
