"""Trials in real trackers, read back with their own readers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from support.whole_paths import InProcess, space, write_study
from tunewise import TuneOptions, models, tune
from tunewise.evaluate.run import Run
from tunewise.trackers.base import Tracker

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own


def objective(configuration: dict[str, Any], run: Run) -> dict[str, float]:
    if run.trial == 2:
        raise RuntimeError("no gradient")
    run.report(9.0, 0)
    run.report(8.0, 1)
    return {"value": configuration["C"], "test": 0.25}


def study_with(*callbacks: Tracker, n_trials: int = 3, storage: Path | None = None) -> optuna.Study:
    """Three trials by a model, the last one failed."""
    replies = iter([{"reason": f"reason {k}", "configuration": {"C": k + 1.0, "n": k + 1}} for k in range(9)])
    return tune(
        objective,
        space(),
        model=models.FunctionModel(lambda _: json.dumps(next(replies))),
        proposer="compressed",
        n_trials=n_trials,
        storage=storage,
        options=TuneOptions(callbacks=callbacks),
    )


@pytest.mark.long
def test_mlflow(tmp_path: Path) -> None:
    tracking = pytest.importorskip(
        "mlflow.tracking", reason="MLflow is missing: pip install 'tunewise[mlflow]'", exc_type=ImportError
    )
    from tunewise.trackers import MLflowCallback

    address = f"sqlite:///{tmp_path}/ml.db"
    study = study_with(MLflowCallback("svc", metric="error", tracking_uri=address))
    client = tracking.MlflowClient(address)
    (one, two, three) = sorted(
        client.search_runs([client.get_experiment_by_name("svc").experiment_id]),
        key=lambda run: int(run.data.tags["tunewise.trial"]),
    )
    assert one.data.params == {"C": "1.0", "n": "1"}
    assert one.data.metrics["error"] == 1.0
    assert one.data.metrics["test"] == 0.25
    assert [m.value for m in client.get_metric_history(one.info.run_id, "curve/error")] == [9.0, 8.0]
    assert one.data.tags["tunewise.source"] == "model"
    assert two.info.status == "FINISHED"
    assert three.info.status == "FAILED"
    assert "no gradient" in three.data.tags["tunewise.error"]
    MLflowCallback("svc", metric="error", tracking_uri=address)(study, study.trials[0])  # as Optuna calls it, once more
    assert len(client.search_runs([client.get_experiment_by_name("svc").experiment_id])) == 3


def test_tensorboard(tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="TensorBoard is missing: pip install 'tunewise[tensorboard]'",
    )
    from tunewise.trackers import TensorBoardCallback

    study_with(TensorBoardCallback("svc", metric="error", folder=str(tmp_path)))

    def read(number: int) -> Any:
        made = reader.EventAccumulator(str(tmp_path / "svc" / f"trial-{number}"))
        made.Reload()
        return made

    first, failed = read(0), read(2)
    values = {tag: [event.value for event in first.Scalars(tag)] for tag in ("error", "curve/error", "test")}
    assert values == {"error": [1.0], "curve/error": [9.0, 8.0], "test": [0.25]}
    assert first.Tensors("tunewise/source")[0].tensor_proto.string_val == [b"model"]
    assert b"no gradient" in failed.Tensors("tunewise/error")[0].tensor_proto.string_val[0]


@pytest.mark.long
def test_weights_and_biases_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb", reason="wandb is missing: pip install 'tunewise[wandb]'", exc_type=ImportError)
    from tunewise.trackers import WeightsAndBiasesCallback

    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    study_with(WeightsAndBiasesCallback("svc", metric="error", mode="offline", folder=str(tmp_path)), n_trials=1)
    wandb.teardown()  # waits for the process that writes
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    held = file.read_bytes()
    for words in (b"curve/error", b"source", b"model", b"svc"):
        assert words in held


def test_trackio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    pytest.importorskip("trackio", reason="trackio is missing: pip install 'tunewise[trackio]'", exc_type=ImportError)
    from tunewise.trackers import TrackioCallback

    study_with(TrackioCallback("svc", metric="error"), n_trials=1)
    assert any(file.stat().st_size for file in tmp_path.rglob("*svc*"))


class Broken:
    """A page whose library fails at some moment."""

    def __init__(self, moment: str) -> None:
        self.moment = moment

    def value(self, step: int, value: float) -> None:
        self._maybe("value")

    def end(self, trial: object) -> None:
        self._maybe("end")

    def _maybe(self, moment: str) -> None:
        if moment == self.moment:
            raise ConnectionError("the server is gone")


def begin(moment: str) -> Callable[[object], Broken]:
    def opened(_: object) -> Broken:
        if moment == "begin":
            raise ConnectionError("the server is gone")
        return Broken(moment)

    return opened


@pytest.mark.parametrize("moment", ["begin", "value", "end"])
def test_a_tracker_that_fails_ends_no_study(moment: str, caplog: pytest.LogCaptureFixture) -> None:
    study = study_with(Tracker(begin(moment)))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "FAIL"]
    assert "the server is gone" in caplog.text


def test_a_study_file_names_trackers(tmp_path: Path, cli: InProcess) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is missing: pip install 'tunewise[tensorboard]'")
    file = write_study(
        tmp_path,
        objective="def objective(c):\n    return c['C']\n",
        proposer="random",
        n_trials=2,
        track={"tensorboard": {"folder": str(tmp_path / "tb")}},
    )
    assert cli("tune", file, "-q").code == 0
    assert sorted(path.name for path in (tmp_path / "tb" / "study").iterdir()) == ["trial-0", "trial-1"]


@pytest.mark.parametrize("track", ["mlflaw", {"tensorboard": 3}, {"tensorboard": {"colour": "red"}}])
def test_a_wrong_tracker_is_said(track: Any, tmp_path: Path, cli: InProcess) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is missing: pip install 'tunewise[tensorboard]'")
    file = write_study(tmp_path, objective="def objective(c):\n    return 1.0\n", proposer="random", track=track)
    done = cli("tune", file, "-q")
    assert done.code == 2
    assert "track: " in done.err
