"""Whether the tasks of HPOBench are what they say, on the real data; prints Markdown.

    python benchmarks/hpobench_check.py clean --data-dir data
    python benchmarks/hpobench_check.py published --data-dir data --configurations 40 --seeds 2

`clean`: the errors of the default configurations and of some grid points, live and in the shipped tables, beside a
plain scikit-learn pipeline that is written out below and shares no line with the package.

`published`: multilayer perceptrons trained under protocol `hpobench-0.0.10` beside the published tables, which hold 5
runs of each configuration. The configurations are drawn from the cheap part of the grid and from the smaller data sets.
The official split of OpenML is not known here, so validation parts differ, too. Under `clean` the same configurations
show what the protocol's leak does.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tunewise.bench import problems
from tunewise.bench.problems.datasets import DATASETS
from tunewise.bench.problems.grids import GRIDS
from tunewise.bench.problems.published import PUBLISHED_GRID, find_published, load_published
from tunewise.evaluate.base import Evaluation
from tunewise.space import Configuration

NOMINAL = {
    "Australian": (0, 3, 4, 5, 7, 8, 10, 11),
    "car": range(6),
    "credit-g": (0, 2, 3, 5, 6, 8, 9, 11, 13, 14, 16, 18, 19),
}
DEFAULTS: dict[str, Configuration] = {
    "svm": {"C": 1.0, "gamma": 0.1},
    "lr": {"alpha": 1e-3, "eta0": 1e-2},
    "rf": {"max_depth": 10, "min_samples_split": 32, "max_features": 0.5, "min_samples_leaf": 1},
}
CHEAP = ("blood-transfusion-service-center", "Australian", "vehicle", "credit-g")
NUMBERS = ("value", "test_error", "balanced_error", "balanced_test_error")


def plain_parts(name: str, folder: Path) -> tuple[Any, ...]:
    """Training, validation and test part, prepared."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import StratifiedKFold, train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    with (folder / f"{name}.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    y = np.array([row[-1] for row in rows])
    x = np.array([row[:-1] for row in rows], dtype=object)[:, 3 if name == "segment" else 0 :]
    nominal = list(NOMINAL.get(name, ()))
    numeric = [i for i in range(x.shape[1]) if i not in nominal]
    x[:, numeric] = x[:, numeric].astype(float)
    rest, test = next(iter(StratifiedKFold(10, shuffle=True, random_state=1).split(x, y)))
    x_train, x_valid, y_train, y_valid = train_test_split(
        x[rest], y[rest], test_size=0.33, stratify=y[rest], random_state=1
    )
    prepare = ColumnTransformer(
        [
            (
                "nominal",
                make_pipeline(
                    SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False, handle_unknown="ignore")
                ),
                nominal,
            ),
            ("numeric", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
        ]
    )
    x_train = prepare.fit_transform(x_train).astype(float)
    x_valid, x_test = (prepare.transform(part).astype(float) for part in (x_valid, x[test]))
    return x_train, y_train, x_valid, y_valid, x_test, y[test]


def plain_errors(model: str, parts: tuple[Any, ...], configuration: Any) -> list[float]:
    """Validation, test, and both balanced."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import SGDClassifier
    from sklearn.metrics import accuracy_score, balanced_accuracy_score
    from sklearn.svm import SVC

    x, y, x_valid, y_valid, x_test, y_test = parts
    estimator: Any
    if model == "svm":
        estimator = SVC(**configuration)
    elif model == "lr":
        fixed: dict[str, Any] = {"learning_rate": "adaptive", "tol": None, "max_iter": 1000, "random_state": 0}
        estimator = SGDClassifier(loss="log_loss", **fixed, **configuration)
    else:
        features = int(np.rint(np.power(x.shape[1], configuration["max_features"])))
        estimator = RandomForestClassifier(512, random_state=0, **{**configuration, "max_features": features})
    estimator.fit(x, y)
    valid, test = estimator.predict(x_valid), estimator.predict(x_test)
    return [
        1 - accuracy_score(y_valid, valid),
        1 - accuracy_score(y_test, test),
        1 - balanced_accuracy_score(y_valid, valid),
        1 - balanced_accuracy_score(y_test, test),
    ]


def check_clean(data_dir: Path, points: int) -> Iterator[str]:
    """A table with a row for each task."""
    yield (
        "| task | default: validation error | plain | test error | plain "
        "| live differs by | table differs by | last bit changes it by |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    rng = np.random.default_rng(0)
    for model, default in DEFAULTS.items():
        for name in DATASETS:
            parts = plain_parts(name, data_dir)
            task = f"{model}:{name}"
            live, table = problems.get(task, mode="live", data_dir=data_dir), problems.get(task)
            chosen: list[Configuration] = [
                GRIDS[model].points[i] for i in rng.integers(len(GRIDS[model].points), size=points)
            ]
            plain = [plain_errors(model, parts, c) for c in (default, *chosen)]
            gap = np.abs(np.subtract(plain, [numbers(live.evaluate(c)) for c in (default, *chosen)])).max()
            gap_table = np.abs(np.subtract(plain[1:], [numbers(table.evaluate(c)) for c in chosen])).max(initial=0)
            value, test, *_ = numbers(live.evaluate(default))
            errors = [value, plain[0][0], test, plain[0][1], gap, gap_table]
            if max(gap, gap_table) > 0.0005:  # where training is chaotic, no two computations agree
                moved = (parts[0] * (1 + 1e-15), *parts[1:])
                again = [plain_errors(model, moved, c) for c in (default, *chosen)]
                errors.append(np.abs(np.subtract(plain, again)).max())
            yield f"| {task} | {' | '.join(f'{error:.4f}' for error in errors)} |{' |' * (len(errors) < 7)}"
    yield ""
    yield "The last columns are the largest difference in any of the four errors (validation, test, both balanced):"
    yield f"live against plain at the default and at {points} grid points, the shipped table against plain at these"
    yield "points. Where they differ, the last column is what happens to the plain computation itself when every"
    yield "training input is changed in its last bit: stochastic gradient descent is chaotic at a rate as large as 1."


def numbers(found: Evaluation) -> list[float]:
    """In the order of `NUMBERS`."""
    return [{"value": found.value, **found.extra}[key] for key in NUMBERS]


def check_published(data_dir: Path, configurations: int, seeds: int) -> Iterator[str]:
    """A row for each data set."""
    yield "| data set | configurations | published | its spread | leak | difference | within 2 spreads | clean |"
    yield "|---|---|---|---|---|---|---|---|"
    rng = np.random.default_rng(0)
    gaps: list[float] = []
    clean_gaps: list[float] = []
    inside: list[bool] = []
    for name in CHEAP:
        chosen = rng.choice(cheap_points(), size=configurations // len(CHEAP), replace=False)
        runs = load_published(name, find_published())[chosen]
        leak, clean = (
            np.array([[balanced(name, protocol, index, seed, data_dir) for seed in range(seeds)] for index in chosen])
            for protocol in ("hpobench-0.0.10", "clean")
        )
        gap = leak.mean(axis=1) - runs.mean(axis=1)
        spread = np.maximum(0.01, np.sqrt(runs.var(axis=1, ddof=1) * (1 / seeds + 1 / runs.shape[1])))
        near = np.abs(gap) <= 2 * spread
        gaps += gap.tolist()
        clean_gaps += (clean.mean(axis=1) - runs.mean(axis=1)).tolist()
        inside += near.tolist()
        deviation = runs.std(axis=1, ddof=1).mean()
        yield (
            f"| {name} | {len(chosen)} | {runs.mean():.3f} | {deviation:.3f} | {leak.mean():.3f} | {gap.mean():+.3f} | "
            f"{near.mean():.0%} | {clean.mean():.3f} |"
        )
    yield ""
    yield f"Over all {len(gaps)} configurations: mean difference {np.mean(gaps):+.3f}, mean absolute difference"
    yield f"{np.mean(np.abs(gaps)):.3f}, {np.mean(inside):.0%} within 2 spreads. Under `clean` the mean difference is"
    yield f"{np.mean(clean_gaps):+.3f}. Errors are balanced ones on the validation part. The third column is the"
    yield f"standard deviation of the 5 published runs; the last but one compares the mean of {seeds} runs with theirs,"
    yield "with a spread of at least 0.01, because the validation parts differ."


def cheap_points() -> list[int]:
    """Large batches and narrow layers."""
    points = enumerate(PUBLISHED_GRID.points)
    return [i for i, c in points if c["batch_size"] in (64, 101, 161) and c["width"] in (16, 25, 40, 64)]


def balanced(name: str, protocol: Any, index: int, seed: int, data_dir: Path) -> float:
    """Balanced error on the validation part."""
    task = problems.get(f"nn:{name}", mode="live", protocol=protocol, data_dir=data_dir, seed=seed)
    return task.evaluate(PUBLISHED_GRID.points[index]).extra["balanced_error"]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("check", choices=["clean", "published"])
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with the CSV files")
    parser.add_argument("--points", type=int, default=2, help="grid points of each task, beside the default")
    parser.add_argument("--configurations", type=int, default=40, help="perceptrons, over all data sets")
    parser.add_argument("--seeds", type=int, default=2, help="runs of each perceptron")
    given = parser.parse_args()
    if given.check == "clean":
        options, lines = f"--points {given.points}", check_clean(given.data_dir, given.points)
    else:
        options = f"--configurations {given.configurations} --seeds {given.seeds}"
        lines = check_published(given.data_dir, given.configurations, given.seeds)
    print(f"# Check of HPOBench's tasks: {given.check}\n")
    print(f"Written by `python benchmarks/hpobench_check.py {given.check} --data-dir data {options}` with scikit-learn")
    print(f"{version('scikit-learn')}.\n")
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
