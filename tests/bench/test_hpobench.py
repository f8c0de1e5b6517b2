"""Data, split, preparation, estimators and protocols: against a plain scikit-learn pipeline, written out here."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from support.synthetic import write_csv
from tunewise.bench import problems
from tunewise.bench.problems.datasets import DATASETS, DataSet, find_data_dir, load_split
from tunewise.bench.problems.hpobench import LiveTask
from tunewise.bench.problems.models import MODELS, features_per_split
from tunewise.bench.problems.tables import load_facts
from tunewise.bench.problems.training import Errors, training_part
from tunewise.bench.problems.wrappers import permuted
from tunewise.errors import StudyError, TrialFailed
from tunewise.space import Configuration

CHEAP = {"svm": None, "lr": 20, "rf": 20, "nn": 5}
each_model = pytest.mark.parametrize("key", MODELS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_csv(tmp_path, "made", classes=3)
    return tmp_path


def plain_parts(file: Path) -> Any:
    """What the protocol says, in the words of scikit-learn, nominal columns by position."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import StratifiedKFold, train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rows = list(csv.reader(file.read_text().splitlines()))[1:]
    X = np.array([[float(a), b, float(c)] for a, b, c, _ in rows], dtype=object)  # noqa: N806
    y = np.array([row[-1] for row in rows])
    rest, test = next(iter(StratifiedKFold(10, shuffle=True, random_state=1).split(X, y)))
    x_train, x_valid, y_train, y_valid = train_test_split(
        X[rest], y[rest], test_size=0.33, stratify=y[rest], random_state=1
    )
    nominal = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    )
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    prepare = ColumnTransformer([("nominal", nominal, [1]), ("numeric", numeric, [0, 2])])
    x_train = prepare.fit_transform(x_train)
    return x_train, y_train, prepare.transform(x_valid), y_valid, prepare.transform(X[test]), y[test]


def plain_estimator(key: str) -> Any:
    """The default configuration, cheaply."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import SGDClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    return {
        "svm": SVC(C=1.0, gamma=0.1),
        "lr": SGDClassifier(
            loss="log_loss", alpha=1e-3, eta0=1e-2, learning_rate="adaptive", tol=None, max_iter=20, random_state=0
        ),
        "rf": RandomForestClassifier(20, max_depth=10, min_samples_split=32, max_features=2, random_state=0),
        "nn": MLPClassifier([64, 64, 64], alpha=1e-3, batch_size=32, max_iter=5, random_state=0),
    }[key]


@each_model
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_default_errors_agree_with_a_plain_pipeline(key: str, folder: Path) -> None:
    from sklearn.metrics import accuracy_score, balanced_accuracy_score

    x, y, x_valid, y_valid, x_test, y_test = plain_parts(folder / "made.csv")
    plain = plain_estimator(key).fit(x, y)
    task = LiveTask(MODELS[key], DataSet("made"), folder, effort=CHEAP[key])
    assert task.space.default is not None
    found = task.evaluate(task.space.default)
    expected = {
        "test_error": 1 - accuracy_score(y_test, plain.predict(x_test)),
        "balanced_error": 1 - balanced_accuracy_score(y_valid, plain.predict(x_valid)),
        "balanced_test_error": 1 - balanced_accuracy_score(y_test, plain.predict(x_test)),
    }
    assert found.value == pytest.approx(1 - accuracy_score(y_valid, plain.predict(x_valid)), abs=5e-4)
    assert found.extra == pytest.approx(expected, abs=5e-4)
    assert 0 < found.value < 0.6


def test_prepared_features_agree_with_a_plain_pipeline(folder: Path) -> None:
    x, _, x_valid, _, x_test, _ = plain_parts(folder / "made.csv")
    split = load_split(DataSet("made"), folder)
    for ours, plain in [(split.train.x, x), (split.valid.x, x_valid), (split.test.x, x_test)]:
        np.testing.assert_allclose(ours, plain.astype(float), atol=1e-12)
    assert (split.facts.nominal, split.facts.numeric, split.facts.features) == (1, 2, 5)


def test_no_text_counts_as_missing_in_a_nominal_column(folder: Path) -> None:
    assert load_split(DataSet("made"), folder).train.x[:, :3].sum(axis=1).tolist() == [1.0] * len(
        load_split(DataSet("made"), folder).train.y
    )  # NA, none and some are three levels


def test_facts_of_the_eight_are_those_of_the_benchmark() -> None:
    sizes = {name: (sum(f.train), sum(f.valid), sum(f.test), f.features) for name, f in load_facts().items()}
    assert sizes == {
        "blood-transfusion-service-center": (450, 223, 75, 4),
        "vehicle": (509, 252, 85, 18),
        "Australian": (416, 205, 69, 42),
        "car": (1041, 514, 173, 21),
        "phoneme": (3258, 1605, 541, 5),
        "segment": (1392, 687, 231, 16),
        "credit-g": (603, 297, 100, 61),
        "kc1": (1271, 627, 211, 21),
    }
    assert list(sizes) == list(DATASETS)


def test_the_card_tells_of_the_training_part_only(folder: Path) -> None:
    split = load_split(DataSet("made"), folder)
    assert split.facts.card.rows == len(split.train.y) == 90
    assert split.facts.card.classes == 3
    assert "1 nominal columns, one-hot" in split.facts.card.description


@pytest.mark.parametrize(("features", "counts"), [(4, [1, 1, 2, 3, 4]), (61, [1, 3, 8, 22, 61])])
def test_max_features_is_an_exponent(features: int, counts: list[int]) -> None:
    assert [features_per_split(features, x / 4) for x in range(5)] == counts


def test_balanced_errors_count_each_class_alike() -> None:
    errors = Errors(wrong=(1, 5), of=(100, 10))
    assert errors.rate == pytest.approx(6 / 110)
    assert errors.balanced == pytest.approx((0.01 + 0.5) / 2)
    assert Errors(wrong=(1, 0), of=(4, 0)).balanced == 0.25  # a class without examples


def test_the_old_protocol_has_seen_what_it_is_asked(folder: Path) -> None:
    flexible: Configuration = {"C": 1000.0, "gamma": 100.0}
    errors = [
        problems.get("svm:made", mode="live", data_dir=folder, protocol=protocol).evaluate(flexible).value
        for protocol in ("clean", "hpobench-0.0.10")
    ]
    assert errors[0] > 0.4
    assert errors[1] < 0.3
    part = training_part(load_split(DataSet("made"), folder), protocol="hpobench-0.0.10", share=1, seed=0)
    assert len(part.y) == 135
    assert len(np.unique(part.x, axis=0)) < 100  # a bootstrap sample holds some 63 % of the rows


def test_smaller_shares_are_part_of_larger_ones(folder: Path) -> None:
    split = load_split(DataSet("made"), folder)
    small, large = (training_part(split, protocol="clean", share=share, seed=3) for share in (0.2, 0.5))
    assert (len(small.y), len(large.y)) == (18, 45)
    np.testing.assert_array_equal(small.x, large.x[:18])
    assert training_part(split, protocol="clean", share=1, seed=3) is split.train


def test_every_result_names_its_protocol(folder: Path) -> None:
    def protocol(**options: Any) -> str:
        return problems.get("rf:made", mode="live", data_dir=folder, **options).protocol

    assert protocol() == "clean"
    assert protocol(effort=512) == "clean"
    assert protocol(share=0.5, effort=16) == "clean, 0.5 of the data, 16 trees"
    assert protocol(protocol="hpobench-0.0.10", effort=32) == "hpobench-0.0.10, 32 trees"


def test_divergence_is_a_failed_trial_with_a_reason(folder: Path) -> None:
    task = LiveTask(MODELS["lr"], DataSet("made"), folder, effort=10)
    with pytest.raises(TrialFailed, match="diverged"):
        task.evaluate({"alpha": 1.0, "eta0": 1e308})


def test_on_permuted_labels_nothing_can_be_learned(folder: Path) -> None:
    task = LiveTask(MODELS["svm"], DataSet("made"), folder)
    assert task.space.default is not None
    assert task.evaluate(task.space.default).value < 0.6
    control = permuted(task, seed=1)
    assert control.evaluate(task.space.default).value > 0.55  # 3 classes: chance is 0.67
    assert control.name == "svm:made+permuted"
    assert control.task == task.task


def test_data_come_from_openml_when_there_is_no_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for OpenML's server, in the form that scikit-learn gives: levels as numbers, `categories` beside."""
    rows = list(csv.reader((folder / "made.csv").read_text().splitlines()))[1:]
    levels = ["some", "none", "NA"]
    bunch = SimpleNamespace(
        data=np.array([[float(a), levels.index(b), float(c)] for a, b, c, _ in rows]),
        target=np.array([row[-1] for row in rows], dtype=object),
        feature_names=["first", "level", "second"],
        categories={"level": levels},
    )
    asked = []

    def fetch_openml(**options: Any) -> SimpleNamespace:
        asked.append(options)
        return bunch

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    split, same = load_split(DataSet("distant", openml=12)), load_split(DataSet("made"), folder)
    assert asked[0]["data_id"] == 12
    np.testing.assert_allclose(split.train.x, same.train.x)
    np.testing.assert_array_equal(split.valid.y, same.valid.y)


def test_what_openml_cannot_give_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", refuse)
    with pytest.raises(StudyError, match=r"far cannot be loaded from OpenML: no route to host.*--data-dir"):
        load_split(DataSet("far", openml=13))
    with pytest.raises(StudyError, match="no number at OpenML"):
        load_split(DataSet("nowhere"))


def test_the_folder_is_the_given_one_or_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TUNEWISE_DATA", raising=False)
    assert find_data_dir() is None
    monkeypatch.setenv("TUNEWISE_DATA", str(tmp_path))
    assert find_data_dir() == tmp_path
    assert find_data_dir(tmp_path.parent) == tmp_path.parent
    monkeypatch.setenv("TUNEWISE_DATA", str(tmp_path / "gone"))
    with pytest.raises(StudyError, match=r"TUNEWISE_DATA = .*gone is not a folder"):
        find_data_dir()


BAD_FILES = {
    "one class": "a,class\n" + "1,x\n" * 50,
    "rare class": "a,class\n" + "1,x\n" * 50 + "2,y\n" * 9,
    "ragged": "a,class\n1\n",
    "empty": "",
    "binary": b"\xff\xfe\x00\x01",
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_data_set_is_refused_at_once(content: str | bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StudyError, match="bad"):
        problems.get("svm:bad", mode="live", data_dir=tmp_path)


def test_text_in_a_numeric_column_is_refused(folder: Path) -> None:
    with pytest.raises(StudyError, match=r"made: the numeric column level holds text\. Name it as nominal"):
        load_split(DataSet("made", nominal=()), folder)
    with pytest.raises(StudyError, match=r"no column of made.csv 'levl'. Did you mean level"):
        load_split(DataSet("made", nominal=("levl",)), folder)


def test_missing_cells_are_filled(tmp_path: Path) -> None:
    lines = [f"{i if i % 5 else '?'},{'ab'[i % 2] if i % 7 else ''},{'xy'[i % 2]}" for i in range(100)]
    (tmp_path / "holes.csv").write_text("number,level,class\n" + "\n".join(lines))
    split = load_split(DataSet("holes"), tmp_path)
    assert np.isfinite(split.train.x).all()
    assert split.facts.features == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.0}, r"share = 0.0 is not in \[0.1, 1\]"),
        ({"share": float("nan")}, "share = nan"),
        ({"effort": 5}, "effort = 5 is out of range for rf. Allowed: trees from 16 to 512"),
        ({"protocol": "dirty"}, "no protocol 'dirty'"),
        ({"mode": "life"}, "no mode 'life'. Did you mean live"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str, folder: Path) -> None:
    with pytest.raises(StudyError, match=message):
        problems.get("rf:made", **{"mode": "live", "data_dir": folder, **options})


def test_svm_has_no_effort(folder: Path) -> None:
    with pytest.raises(StudyError, match="none: svm has no such option"):
        problems.get("svm:made", mode="live", data_dir=folder, effort=10)
