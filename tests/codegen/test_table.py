"""Programs on a table: columns as they are, folds whose labels they never see, and what they gain over usual models."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score, root_mean_squared_error
from sklearn.model_selection import KFold

from support.programs import MONTHS, fenced
from tunewise import attributes
from tunewise.codegen.contract import CONTRACTS
from tunewise.codegen.evaluate import Runner
from tunewise.codegen.export import export_program
from tunewise.codegen.extras import FITTED, folds_told
from tunewise.codegen.generate import Generation, GenerationOptions
from tunewise.codegen.score import read_probabilities
from tunewise.codegen.table import Table, load_table
from tunewise.codegen.table_baseline import corrected_interval, table_baselines
from tunewise.codegen.tabular import framed
from tunewise.errors import InvalidReply, StudyError, TrialFailed
from tunewise.llm.scripted import ScriptedModel
from tunewise.sandbox.base import Limits, Sandbox

QUICK = Limits(wall_s=120, cpu_s=120)
BODY = """
import numpy as np
from sklearn.base import BaseEstimator

class Own(BaseEstimator):
    def fit(self, X, y):
        {fit}
        return self
    def predict(self, X):
        {predict}
    def predict_proba(self, X):
        {chances}

def make_estimator(a: bool = True):
    return Own()
"""


def own(fit: str = "pass", predict: str = "return np.zeros(len(X))", chances: str = "return None") -> str:
    """A program with an estimator of its own."""
    return BODY.format(fit=fit, predict=predict, chances=chances)


@pytest.fixture
def runner(table: Table, sandbox: Sandbox) -> Runner:
    return Runner(dataset=table, contract=CONTRACTS["table"], sandbox=sandbox, limits=QUICK)


def classes_of(table: Table, **changes: Any) -> Table:
    """The same sales, with a class to predict."""
    return load_table(replace(table.recipe, target="dear", drop=("price",), **changes))


def test_a_program_writes_its_own_features_of_raw_columns(runner: Runner, table: Table) -> None:
    default = runner.check(MONTHS).default
    assert default
    first, second = (runner.evaluate(MONTHS, default) for _ in range(2))
    assert first == second
    folds = folds_told(first.extra)
    assert len(folds) == 3
    assert first.value == pytest.approx(np.mean(folds))
    assert first.value < 12 < 0.5 * table_baselines(table)[0].value
    assert first.extra[FITTED] < first.value


def test_columns_come_as_they_are(runner: Runner) -> None:
    wanted = """
        kinds = {name: kind.kind for name, kind in X.dtypes.items()}
        assert kinds == {"sold": "M", "place": "O", "area": "f", "note": "O"}, kinds
        assert set(X["place"].map(type)) == {str, type(None)}, set(X["place"])
        assert X["area"].isna().any() and not X["sold"].isna().any()
        assert (SEED, CLASSES) == (0, []) and SECONDS == 40
        encoded = encoder().fit_transform(X)
        assert np.isfinite(encoded).all()"""
    assert runner.evaluate(own(wanted.strip()), {"a": True}).value > 100


def test_labels_of_held_out_rows_are_nowhere(runner: Runner, table: Table) -> None:
    search = """
        import gc, glob
        files = glob.glob("**", recursive=True)
        with np.load("rows.npz") as found:
            sizes = sorted(len(found[name]) for name in found if found[name].dtype == float)
        raise RuntimeError(f"{files} {sizes} {len(y)}")"""
    rows, train = len(table.truth), len(table.splits[0].train)
    with pytest.raises(TrialFailed, match=rf"\['rows.npz'\] \[{train}, {rows}\] {train}"):  # the other one is the area
        runner.evaluate(own(search.strip()), {"a": True})


def test_nothing_is_carried_from_fold_to_fold(runner: Runner) -> None:
    leave = """
        import os
        assert not os.path.exists("left") and not hasattr(np, "left")
        open_ = __builtins__["open"] if isinstance(__builtins__, dict) else __builtins__.open
        open_("left", "w").write(str(list(y)))
        np.left = y"""
    assert runner.evaluate(own(leave.strip()), {"a": True}).value > 100


@pytest.mark.parametrize(
    ("predict", "complaint"),
    [
        ("return np.zeros((len(X), 2))", "must give shape"),
        ("return ['a'] * len(X)", "not finite numbers"),
        ("return np.full(len(X), np.nan)", "not finite numbers"),
        ("raise RuntimeError('x')", "RuntimeError: x"),
    ],
)
def test_bad_predictions_go_back_to_their_author(runner: Runner, predict: str, complaint: str) -> None:
    with pytest.raises(InvalidReply, match=complaint):
        runner.check(own(predict=predict))


def test_a_liar_gets_its_true_score(runner: Runner, table: Table) -> None:
    lie = "import numpy as np\nnp.mean = lambda *a, **k: 0.0\n" + own()
    expected = np.mean([np.sqrt(np.mean(table.truth[fold.held] ** 2)) for fold in table.splits])
    assert runner.evaluate(lie, {"a": True}).value == pytest.approx(expected)


def test_any_metric_of_probabilities(table: Table, sandbox: Sandbox) -> None:
    data = classes_of(table, metric="roc_auc")
    assert (data.task, data.classes, data.probabilities) == ("classification", ("no", "yes"), True)
    assert data.metric == "cross-validated 1 - roc_auc"
    runner = Runner(dataset=data, contract=CONTRACTS["table"], sandbox=sandbox, limits=QUICK)
    by_area = "p = np.clip(X['area'].fillna(100) / 200, 0, 1).to_numpy(); return np.column_stack([1 - p, p])"
    area = {column.name: column.cells for column in data.columns}["area"]
    chances = np.clip(np.nan_to_num(area, nan=100) / 200, 0, 1)
    expected = np.mean([1 - roc_auc_score(data.truth[f.held], chances[f.held]) for f in data.splits])
    assert runner.evaluate(own(chances=by_area), {"a": True}).value == pytest.approx(expected)
    with pytest.raises(InvalidReply, match="must give a column for each of the 2 classes"):
        runner.check(own(chances="return np.zeros((len(X), 3))"))
    with pytest.raises(TrialFailed, match="negative or whose sum"):
        runner.evaluate(own(chances="return np.ones((len(X), 2))"), {"a": True})
    linear = table_baselines(data)[1]
    assert linear.value < 0.2


def test_probabilities_of_a_sandbox_are_not_trusted() -> None:
    assert read_probabilities([[0.25, 0.75]], 1, 2).tolist() == [[0.25, 0.75]]
    for given in (None, [[1.0]], [[1.0, 0.0]] * 2, [[True, 0.0]], [[2.0, -1.0]], [[float("nan"), 1.0]]):
        with pytest.raises(TrialFailed):
            read_probabilities(given, 1, 2)


def test_folds_by_time_are_later_and_the_latest_judge(table: Table) -> None:
    data = load_table(replace(table.recipe, time="sold"))
    sold = next(column.cells for column in data.columns if column.name == "sold")
    assert len(data.splits) == len(data.judging) == 3
    for fold in (*data.splits, *data.judging):
        assert sold[fold.train].max() <= sold[fold.held].min()
    assert max(fold.held.max() for fold in data.splits) < min(fold.held.min() for fold in data.judging)


def test_shuffled_folds_hold_out_each_row_once_and_others_judge(table: Table) -> None:
    assert sorted(np.concatenate([fold.held for fold in table.splits])) == list(range(len(table.truth)))
    chosen = {tuple(fold.held) for fold in table.splits}
    assert len(table.judging) == 6
    assert not chosen & {tuple(fold.held) for fold in table.judging}
    assert load_table(table.recipe).fingerprint == table.fingerprint
    assert load_table(replace(table.recipe, folds=4)).fingerprint != table.fingerprint


def test_the_interval_is_that_of_nadeau_and_bengio() -> None:
    gaps = [0.3, 0.1, 0.2, 0.25, 0.05]
    low, high = corrected_interval(gaps, 0.25)
    reach = stats.t.ppf(0.975, 4) * np.sqrt(np.var(gaps, ddof=1) * (1 / 5 + 0.25))
    assert [low, high] == pytest.approx([0.18 - reach, 0.18 + reach])


def test_baselines_are_scored_as_programs_are(table: Table) -> None:
    mean, ridge, boosting = table_baselines(table)
    assert [one.name for one in (mean, ridge, boosting)] == ["the mean", "ridge regression", "gradient boosting"]
    cut = KFold(3, shuffle=True, random_state=0).split(table.truth)
    expected = [root_mean_squared_error(table.truth[b], np.full(len(b), table.truth[a].mean())) for a, b in cut]
    assert mean.losses == pytest.approx(expected)
    assert max(ridge.value, boosting.value) < mean.value
    assert str(mean.gain(np.array(mean.judged))).endswith("against the mean: no clear difference")
    assert str(mean.gain(np.array(ridge.judged))).endswith("on 6 folds that no trial was scored on: better") is False
    assert mean.gain(np.array(ridge.judged)).verdict == "better"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": "prise"}, "Did you mean price"),
        ({"metric": "accuracy"}, "does not fit the target"),
        ({"metric": "nonsense"}, "is unknown"),
        ({"metric": "roc_auc"}, "metric = roc_auc"),
        ({"target": "note", "task": "classification"}, "240 different values"),
        ({"target": "place", "task": "regression"}, "no finite numbers"),
        ({"time": "when"}, "has no column when"),
        ({"rows": 20}, "at least 50 are needed"),
    ],
)
def test_mistakes_are_named(table: Table, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        load_table(replace(table.recipe, **{"drop": (), **changes}))


def test_cells_of_a_file_become_columns_of_their_kinds() -> None:
    cells: dict[str, list[object]] = {
        "n": ["1", "", "true", "x"],
        "t": ["a", "", None, "7"],
        "d": ["2022-01-01", "", "2022-05-04 10:00", "soon"],
    }
    found = framed(cells, {"n": "number", "t": "text", "d": "time"})
    assert found["n"].tolist()[::2] == [1.0, 1.0]
    assert found["n"].isna().tolist() == [False, True, False, True]
    assert found["t"].tolist() == ["a", None, None, "7"]
    assert found["d"].isna().tolist() == [False, True, False, True]


@pytest.fixture
def alone(table: Table, sandbox: Sandbox, sales: Path, tmp_path: Path) -> tuple[Path, str]:
    """An exported winner alone in an empty folder with a file to predict, where tunewise cannot be imported."""
    options = GenerationOptions(trials=1, limits=QUICK)
    usual = table_baselines(table)
    model = ScriptedModel([fenced(MONTHS, 'Seasons, and "hills".')])
    generation = Generation(table, sandbox=sandbox, model=model, options=options, baselines=usual)
    study = generation.run()
    said = model.requests[0].messages[-1].content
    assert "- place: text, 3 different, commonest" in said
    assert f"gradient boosting {usual[-1].value:.4g}" in said
    (gain,) = generation.gains(study, usual[-1:])
    assert gain.low <= gain.value <= gain.high
    assert gain.verdict == "better"
    assert study.user_attrs[attributes.GAINS]["over"][0]["value"] == gain.value
    text = export_program(study, file="best.py")
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "best.py").write_text(text)
    (tmp_path / "alone" / "test.csv").write_text(
        "\n".join(line.rsplit(",", 2)[0] for line in sales.read_text().splitlines()[:41])
    )
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text("import sys\nsys.modules['tunewise'] = None\n")
    bare = export_program(study, file="best.py", rows=False)
    assert 'ROWS = ""' in bare
    return tmp_path / "alone", bare


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder.parent / "block")}
    command = [sys.executable, "best.py", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_the_exported_file_predicts_alone(alone: tuple[Path, str], table: Table, sales: Path) -> None:
    folder, bare = alone
    text = (folder / "best.py").read_text()
    assert "cross-validated root_mean_squared_error: " in text
    assert "Less than gradient boosting by" in text
    done = run(folder, "predict", "test.csv", "--out", "submission.csv", "--id", "note")
    assert done.returncode == 0, done.stderr
    assert "40 predictions written to submission.csv" in done.stdout
    with (folder / "submission.csv").open() as file:
        found = {row["note"]: float(row["price"]) for row in csv.DictReader(file)}
    with sales.open() as file:
        truth = {row["note"]: float(row["price"]) for row in list(csv.DictReader(file))[:40]}
    assert found.keys() == truth.keys()
    assert root_mean_squared_error(list(truth.values()), list(found.values())) < 12
    used = "import best\nmodel = best.fit()\nprint(len(best.predict(model, best.cells_of(best.Path('test.csv')))))"
    called = subprocess.run([sys.executable, "-c", used], cwd=folder, capture_output=True, text=True, check=False)
    assert called.stdout.strip() == "40", called.stderr

    (folder / "best.py").write_text(bare)
    (folder / "train.csv").write_text(sales.read_text())
    refused = run(folder, "predict", "test.csv")
    assert (refused.returncode, refused.stderr) == (
        2,
        "This file carries no rows. Name the table to train on with --train.\n",
    )
    assert run(folder, "predict", "test.csv", "--train", "train.csv", "--out", "again.csv").returncode == 0
    again = (folder / "again.csv").read_text().split()[1:]
    assert np.allclose([float(cell) for cell in again], list(found.values()))
    (folder / "test.csv").write_text("sold,place\n2022-03-01,hill\n")
    wrong = run(folder, "predict", "test.csv", "--train", "train.csv")
    assert wrong.returncode == 2
    assert "has no column area, note" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.long
def test_exported_classes_and_their_probabilities(table: Table, sandbox: Sandbox, tmp_path: Path) -> None:
    data = classes_of(table, metric="neg_log_loss")
    logistic = MONTHS.replace("Ridge(alpha=alpha)", "LogisticRegression(C=alpha, max_iter=500)")
    logistic = logistic.replace("import Ridge", "import LogisticRegression")
    options = GenerationOptions(trials=1, limits=QUICK)
    study = Generation(data, sandbox=sandbox, model=ScriptedModel([fenced(logistic)]), options=options).run()
    (tmp_path / "best.py").write_text(export_program(study, file="best.py"))
    data.frame.head(30).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "block").mkdir()
    for more, header in (((), "dear"), (("--probabilities",), "no,yes")):
        done = subprocess.run(
            [sys.executable, "best.py", "predict", "test.csv", *more],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = (tmp_path / "submission.csv").read_text().split()
        assert lines[0] == header
        if not more:
            truth = [data.classes[int(code)] for code in data.truth[:30]]
            assert np.mean([a == b for a, b in zip(truth, lines[1:], strict=True)]) > 0.85
