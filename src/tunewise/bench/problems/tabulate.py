"""Compute the tables: every grid point on every data set under protocol `clean`, on several processes, resumable.

    python -m tunewise.bench.problems.tabulate svm lr rf --data-dir data --records records --jobs 2

Each finished configuration is one line of `records/<model>.jsonl`; what stands there is not computed again, and a
line that a crash cut short is. With `--pack FOLDER`, what is complete is then written there as the files that are
shipped.

With one random state, forests that grow the same trees give the same errors, so each is grown once: `min_samples_split`
matters only through max(min_samples_split, 2 min_samples_leaf), `max_features` only through the number of features
that it stands for, and a `max_depth` that the deepest tree did not reach changes nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

from tunewise.bench.problems.datasets import DATASETS, Split, find_data_dir, load_split
from tunewise.bench.problems.grids import GRIDS
from tunewise.bench.problems.lookup import look_up
from tunewise.bench.problems.models import MODELS, features_per_split
from tunewise.bench.problems.tables import VERSION, pack_facts, pack_table
from tunewise.bench.problems.training import Errors, count_errors, fit
from tunewise.errors import StudyError, TrialFailed
from tunewise.space import Configuration

__all__ = ["SEED", "evaluate_points", "pack", "read_records", "tabulate"]

SEED: Final = 0
"""Random state of every estimator in the tables: one, so that a table is a function and live training repeats it."""

THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Record = dict[str, Any]
Result = tuple[Errors, Errors] | None


def tabulate(
    models: Sequence[str],
    records: Path,
    *,
    data_dir: Path | None = None,
    datasets: Sequence[str] = tuple(DATASETS),
    jobs: int = 2,
    tell: Callable[[str], object] = lambda line: None,  # noqa: ARG005
) -> None:
    """Compute what is missing, model by model and data set by data set.

    Args:
        models: Keys of `GRIDS`, in order.
        records: Folder of the records; made if need be.
        data_dir: As for `load_split`.
        datasets: Names of data sets, in order.
        jobs: Number of processes, each with one thread.
        tell: Called with a line after each data set.

    Raises:
        StudyError: An unknown model or data set, data that cannot be loaded, or another process at work here.
    """
    from filelock import FileLock, Timeout

    for model in models:
        look_up(model, GRIDS, "table")
    for name in datasets:
        load_split(look_up(name, DATASETS, "data set").name, data_dir)
    records.mkdir(parents=True, exist_ok=True)
    os.environ.update(dict.fromkeys(THREADS, "1"))  # read by the processes that are spawned below
    try:
        with FileLock(records / "lock", timeout=0), workers(jobs) as pool:
            for model in models:
                for name in datasets:
                    tell(tabulate_one(model, name, records, data_dir, pool))
    except Timeout:
        raise StudyError(
            f"Another process computes tables in {records}. Wait for it, or name another folder."
        ) from None


def workers(jobs: int) -> ProcessPoolExecutor:
    """Processes that end with the one that started them, however it ends."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=end_with_parent)


def end_with_parent() -> None:
    """Wait for the end of the parent in the background."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def tabulate_one(model: str, name: str, records: Path, data_dir: Path | None, pool: ProcessPoolExecutor) -> str:
    """The table of one task, as far as it is missing."""
    file, task, start = records / f"{model}.jsonl", f"{model}:{name}", time.monotonic()
    cut_unfinished(file)
    done = {record["index"] for record in read_records(file) if record["task"] == task}
    missing = [index for index in range(len(GRIDS[model].points)) if index not in done]
    groups = related(model, missing, load_split(name, data_dir).train.x.shape[1])
    futures = [pool.submit(compute, model, name, group, data_dir) for group in groups]
    with file.open("a", encoding="utf-8") as out:
        for future in as_completed(futures):
            out.writelines(f"{json.dumps(record)}\n" for record in future.result())
            out.flush()
    return f"{task}: {len(missing)} configurations in {time.monotonic() - start:.0f} s"


def read_records(file: Path) -> Iterator[Record]:
    """The records of this version; a last line that is not finished is left out."""
    if file.exists():
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]
        yield from (record for record in map(json.loads, lines) if record["version"] == VERSION)


def cut_unfinished(file: Path) -> None:
    """Cut off a last line that a crash left unfinished, so that the next one begins afresh."""
    if file.exists():
        content = file.read_bytes()
        os.truncate(file, content.rfind(b"\n") + 1)


def related(model: str, indices: Iterable[int], features: int) -> list[list[int]]:
    """Grid points by what one process computes at a stretch: forests that may be equal, else each alone."""
    groups = defaultdict(list)
    for index in indices:
        groups[kinship(GRIDS[model].points[index], features) if model == "rf" else index].append(index)
    return list(groups.values())


def kinship(forest: Configuration, features: int) -> tuple[object, ...]:
    """Forests with the same one differ in `max_depth` at most."""
    split, leaf, exponent = (forest[name] for name in ("min_samples_split", "min_samples_leaf", "max_features"))
    assert isinstance(split, int)
    assert isinstance(leaf, int)
    assert isinstance(exponent, float)
    return features_per_split(features, exponent), leaf, max(split, 2 * leaf)


def compute(model: str, name: str, indices: Sequence[int], data_dir: Path | None) -> list[Record]:
    """Records of some related grid points, made in another process."""
    import sklearn

    start = time.perf_counter()
    points = [GRIDS[model].points[index] for index in indices]
    results = evaluate_points(model, load_split(name, data_dir), points)
    seconds = (time.perf_counter() - start) / len(points)
    return [
        {
            "task": f"{model}:{name}",
            "index": index,
            "configuration": point,
            "valid": result and result[0].wrong,
            "test": result and result[1].wrong,
            "seconds": round(seconds, 3),
            "version": VERSION,
            "sklearn": sklearn.__version__,
        }
        for index, point, result in zip(indices, points, results, strict=True)
    ]


def evaluate_points(
    model: str, split: Split, points: Sequence[Configuration], *, effort: int | None = None
) -> list[Result]:
    """Errors of related points (see `related`) on validation and test part; None where training diverges."""
    results: list[Result] = [None] * len(points)
    reached, last = 0, None
    order = sorted(range(len(points)), key=lambda i: -float(points[i].get("max_depth") or 0))
    for i in order:
        depth = points[i].get("max_depth")
        if not isinstance(depth, int) or last is None or depth < reached:
            try:
                estimator = fit(MODELS[model], split, points[i], effort=effort, seed=SEED)
            except TrialFailed:
                continue
            last = tuple(count_errors(estimator, part, split.classes) for part in (split.valid, split.test))
            reached = max((tree.get_depth() for tree in getattr(estimator, "estimators_", [])), default=0)
        results[i] = last  # type: ignore[assignment]
    return results


def pack(models: Sequence[str], records: Path, folder: Path, data_dir: Path | None = None) -> dict[str, list[str]]:
    """Write the tables that are complete; for each model the data sets that its table holds.

    Raises:
        StudyError: The data cannot be loaded, or there is no complete table of a model.
    """
    pack_facts(folder, data_dir)
    packed = {}
    for model in models:
        found: dict[str, dict[int, tuple[list[int], list[int]] | None]] = defaultdict(dict)
        for record in read_records(records / f"{model}.jsonl"):
            errors = (record["valid"], record["test"]) if record["valid"] else None
            found[record["task"].partition(":")[2]][record["index"]] = errors
        packed[model] = pack_table(model, found, folder)
        if not packed[model]:
            raise StudyError(f"{records} holds no complete table of {model}. Compute it first.")
    return packed


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="+", choices=list(GRIDS))
    parser.add_argument("--data-dir", help="folder with the CSV files; else TUNEWISE_DATA, else OpenML")
    parser.add_argument("--records", type=Path, default=Path("records"))
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS))
    parser.add_argument("--jobs", type=int, default=2, help="processes; 0 computes nothing")
    parser.add_argument("--pack", type=Path, help="folder for the files that are shipped")
    given = parser.parse_args()
    data_dir = find_data_dir(given.data_dir)
    if given.jobs:
        tabulate(
            given.models,
            given.records,
            data_dir=data_dir,
            datasets=given.datasets,
            jobs=given.jobs,
            tell=lambda line: sys.stderr.write(f"{line}\n"),
        )
    if given.pack:
        for model, datasets in pack(given.models, given.records, given.pack, data_dir).items():
            sys.stderr.write(f"{model}: {', '.join(datasets)}\n")


if __name__ == "__main__":
    main()
