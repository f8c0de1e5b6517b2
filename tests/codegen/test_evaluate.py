"""Programs in a real sandbox: checked, trained, scored by labels that they never see, and never believed."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from support.keeper import Keeper
from support.programs import LINEAR, MLP, TREES_CLASSIFIER, TREES_REGRESSOR, torch_program
from tunewise.codegen.contract import CONTRACTS
from tunewise.codegen.data import Dataset
from tunewise.codegen.evaluate import LONGEST, Runner, reporting, seconds_of
from tunewise.codegen.extras import MOST_EPOCHS_TOLD, curve_of, told_curve
from tunewise.codegen.score import read_predictions, score
from tunewise.errors import InvalidReply, TrialFailed, TrialStopped
from tunewise.evaluate import Run
from tunewise.evaluate.mailbox import Mailbox
from tunewise.sandbox.base import Limits, Sandbox
from tunewise.space import Configuration

QUICK = Limits(wall_s=30, cpu_s=30)
DUMMY = """
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

class Given(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self
    def predict(self, X):
        {predict}

def make_estimator(a: bool = True):
    {make}
    return Given()
"""


def dummy(predict: str, make: str = "pass") -> str:
    """An estimator that predicts as it likes."""
    return DUMMY.format(predict=predict, make=make)


@pytest.fixture
def torch_runner(regression: Dataset, torch_sandbox: Sandbox) -> Runner:
    return Runner(dataset=regression, contract=CONTRACTS["torch"], sandbox=torch_sandbox, epochs=5, limits=QUICK)


@pytest.fixture
def runner(regression: Dataset, sandbox: Sandbox) -> Runner:
    return Runner(dataset=regression, contract=CONTRACTS["sklearn"], sandbox=sandbox, limits=QUICK)


@pytest.mark.long
def test_torch_learns_and_repeats_itself(torch_runner: Runner, regression: Dataset) -> None:
    default = torch_runner.check(MLP).default
    assert default
    first, second = (torch_runner.evaluate(MLP, default) for _ in range(2))
    assert first == second
    assert first.value < 0.2
    curve = curve_of(first.extra)
    assert [epoch for epoch, _ in curve] == [1, 2, 3, 4, 5]
    assert curve[0][1] > curve[-1][1]
    assert first.extra["parameters"] == regression.train.x.shape[1] * 32 + 32 + 32 + 1
    assert first.extra["validation_rmse"] == pytest.approx(np.sqrt(first.value) * regression.unit)


def test_torch_reports_the_loss_after_each_epoch_and_can_be_given_up(torch_runner: Runner) -> None:
    keeper, hasty = Keeper(), Keeper(stop_at=2)
    default: Configuration = {"width": 8, "learning_rate": 0.01, "activation": "relu", "batch_size": 16}
    found = torch_runner.evaluate(MLP, default, Run(channel=Mailbox(keeper)))
    assert found == torch_runner.evaluate(MLP, default), "that it was heard changes nothing"
    assert [step for _, step in keeper.got] == [1, 2, 3, 4, 5]
    assert keeper.got[-1][0] == found.value
    endless = replace(torch_runner, epochs=10**9)
    with pytest.raises(TrialStopped):
        endless.evaluate(MLP, default, Run(channel=Mailbox(hasty)))
    assert hasty.got[:2] == keeper.got[:2]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [1],
        {"epoch": True},
        {"epoch": -1, "predictions": []},
        {"epoch": 6, "predictions": [0.0] * 60},
        {"epoch": 1, "predictions": [0.0]},
        {"epoch": 1, "predictions": "x"},
        {"predictions": [0.0] * 60},
    ],
)
def test_what_is_no_epoch_is_not_reported(answer: object, regression: Dataset) -> None:
    keeper = Keeper()
    assert len(regression.validation) == 60
    assert not reporting(regression, Run(channel=Mailbox(keeper)), 5)(answer)
    assert not reporting(regression, Run(channel=Mailbox(keeper)), 5)({"epoch": 5, "predictions": [0.0] * 60})
    assert len(keeper.got) == 1


def test_torch_classifies(classification: Dataset, torch_sandbox: Sandbox) -> None:
    runner = Runner(dataset=classification, contract=CONTRACTS["torch"], sandbox=torch_sandbox, epochs=8, limits=QUICK)
    assert runner.evaluate(MLP, runner.check(MLP).default or {}).value < 0.15


def test_scikit_learn_learns(runner: Runner, classification: Dataset) -> None:
    assert runner.evaluate(TREES_REGRESSOR, runner.check(TREES_REGRESSOR).default or {}).value < 0.15
    other = replace(runner, dataset=classification)
    found = other.evaluate(TREES_CLASSIFIER, other.check(TREES_CLASSIFIER).default or {})
    assert found.value < 0.15
    assert "validation_rmse" not in found.extra


def test_labels_of_held_out_rows_stay_here(regression: Dataset) -> None:
    sent = {name: np.load(io.BytesIO(content)) for name, content in regression.files.items()}
    assert set(sent) == {"train_x.npy", "train_y.npy", "eval_x.npy"}
    assert np.array_equal(sent["train_y.npy"], regression.train.y)
    assert len(sent["eval_x.npy"]) == len(regression.validation) + len(regression.test)
    assert sent["eval_x.npy"].shape[1] == len(regression.inputs)


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        (torch_program("    return nn.Linear(N_INPUTS, 1)\n"), "must return a tuple (model, optimizer)"),
        (torch_program("    return 1, 2\n"), "returned (int, int)"),
        (torch_program(LINEAR.replace("N_OUTPUTS", "3")), "must have shape (2, 1), not (2, 3)"),
        (torch_program(LINEAR.replace("N_INPUTS", "3")), "RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        (torch_program(LINEAR.replace("model.parameters()", "nn.Linear(1, 1).parameters()")), "none of the model's"),
        (
            torch_program("    raise ValueError('no\\nidea')\n    return 1\n"),
            "ValueError: no idea (line 4 of the program)",
        ),
        (torch_program("    big = nn.Linear(2000, 2000)\n" + LINEAR.replace("nn.Linear", "big and nn.Linear")), ""),
        (torch_program(LINEAR.replace("nn.Linear(N_INPUTS, N_OUTPUTS)", "nn.Linear(N_INPUTS, 900_000)")), "at most"),
        (
            torch_program(LINEAR.replace("    return", "    nn.init.constant_(model.bias, float('inf'))\n    return")),
            "not finite",
        ),
        (torch_program("    raise SystemExit(3)\n    return 1\n"), "exit"),
        (torch_program("    while True: pass\n    return 1\n"), "limit"),
        (torch_program("    x = torch.zeros(10**11)\n    return x\n"), "memory"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
)
def test_checks_say_what_is_wrong(
    torch_runner: Runner, code: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunewise.codegen.evaluate.CHECK", Limits(wall_s=3, cpu_s=3))
    if not complaint:
        assert torch_runner.check(code).default
        return
    with pytest.raises(InvalidReply) as caught:
        torch_runner.check(code)
    assert complaint.lower() in str(caught.value).lower()
    assert len(str(caught.value)) < 900


def test_a_program_that_is_too_slow(torch_runner: Runner) -> None:
    slow = "class Slow(nn.Linear):\n    def forward(self, x):\n        torch.linalg.inv(torch.rand(1200, 1200))\n"
    code = torch_program(LINEAR.replace("nn.Linear", "Slow"), f"{slow}        return super().forward(x)\n")
    with pytest.raises(InvalidReply, match="too slow"):
        replace(torch_runner, epochs=20_000).check(code)


def test_lbfgs_batch_norm_and_one_column_outputs_work(torch_runner: Runner) -> None:
    body = """    model = nn.Sequential(nn.BatchNorm1d(N_INPUTS), nn.Linear(N_INPUTS, 1), nn.Flatten(0))
    return model, torch.optim.LBFGS(model.parameters(), lr=0.1)
"""
    assert torch_runner.evaluate(torch_program(body), torch_runner.check(torch_program(body)).default or {}).value < 0.5


@pytest.mark.parametrize(
    ("predict", "complaint"),
    [
        ("return np.full(len(X), np.nan)", "not finite"),
        ("return np.zeros(len(X) - 1)", "must give shape"),
        ("return np.zeros((len(X), 2))", "must give shape"),
        ("return ['a'] * len(X)", "not finite numbers"),
        ("raise RuntimeError('x')", "RuntimeError: x"),
    ],
)
def test_bad_predictions_fail_the_trial(runner: Runner, predict: str, complaint: str) -> None:
    with pytest.raises(TrialFailed, match=complaint):
        runner.evaluate(dummy(predict), {"a": True})


def test_constant_predictions_get_their_true_score(runner: Runner, regression: Dataset) -> None:
    y = regression.validation.y
    found = runner.evaluate(dummy("return np.full(len(X), 0.25)"), {"a": True})
    assert found.value == pytest.approx(np.mean((y - 0.25) ** 2))
    assert found.value > 0.5


LIARS = {
    "its own answer": """
import sys
answer = {"predictions": [0.0] * 5, "curve": [0.0], "value": 0.0, "score": 0.0}
sys.modules["__main__"].respond(answer)
""",
    "an answer at the end": """
import atexit, sys
real = sys.modules["__main__"].respond
sys.modules["__main__"].respond = lambda value: real({"score": 0.0, "predictions": "perfect"})
""",
    "prints": 'print(\'{"predictions": [0], "validation loss": 0.0}\')\n',
    "patched mean": "np.mean = lambda *a, **k: 0.0\nnp.square = np.subtract = lambda *a, **k: np.zeros(1)\n",
}


@pytest.mark.parametrize("lie", LIARS)
def test_liars_get_their_true_score_or_none(runner: Runner, regression: Dataset, lie: str) -> None:
    """The checks of imports are passed over: what counts is that nothing is believed."""
    constant = np.mean(regression.validation.y**2)
    code = LIARS[lie] + dummy("return np.zeros(len(X))")
    try:
        found = runner.evaluate(code, {"a": True})
    except TrialFailed:
        return
    assert found.value == pytest.approx(constant)


def test_a_patched_loss_changes_nothing(torch_runner: Runner) -> None:
    patch = "torch.nn.functional.mse_loss = lambda output, target: output.sum() * 0\n"
    assert torch_runner.evaluate(torch_program(before=patch), {"lr": 1e-2}) == torch_runner.evaluate(
        torch_program(), {"lr": 1e-2}
    )


def test_a_patched_torch_gets_what_it_deserves(torch_runner: Runner) -> None:
    patch = "torch.isfinite = lambda x: torch.ones(1)\ntorch.Tensor.tolist = lambda self: [0.0] * 1000\n"
    with pytest.raises(TrialFailed, match="1000 predictions"):
        torch_runner.evaluate(torch_program(before=patch), {"lr": 1e-2})
    assert torch_runner.evaluate(torch_program(), {"lr": 1e-2}).value < 1.5, "patches are gone with their process"


def test_divergence_is_a_failed_trial_that_says_so(torch_runner: Runner) -> None:
    code = torch_program(LINEAR.replace("lr=lr", "lr=1e30 * lr"))
    with pytest.raises(TrialFailed, match="Training diverged: the average training loss of epoch"):
        torch_runner.evaluate(code, {"lr": 1e-2})


def test_searching_for_labels_finds_those_of_the_training_rows_only(runner: Runner, regression: Dataset) -> None:
    search = """
import gc, glob, os
found = []
for root, _, files in os.walk("."):
    found += [os.path.join(root, f) for f in files]
lengths = {len(np.load(f, allow_pickle=False)) for f in found if f.endswith("y.npy")}
biggest = {o.shape for o in gc.get_objects() if isinstance(o, np.ndarray)}
raise RuntimeError(f"labels: {sorted(lengths)}")
"""
    with pytest.raises(TrialFailed, match=rf"labels: \[{len(regression.train)}\]"):
        runner.evaluate("import numpy as np\n" + search + dummy("return 1"), {"a": True})


@pytest.mark.parametrize(
    "answer", [None, "x", {}, [], [1.0], [1.0, "2"], [1.0, True], [1.0, None], [1.0, float("nan")], [1.0, 10**400]]
)
def test_answers_that_are_no_predictions(answer: object) -> None:
    with pytest.raises(TrialFailed):
        read_predictions(answer, 2)


def test_scores() -> None:
    assert score("regression", np.array([0.0, 2.0]), np.array([0.0, 0.0])) == 2.0
    assert score("classification", np.array([0.0, 1.0, 2.0, 0.0]), np.array([0, 1, 1, -1])) == 0.5
    with pytest.raises(TrialFailed, match="diverged"):
        score("regression", np.array([1e200, 0.0]), np.array([0.0, 0.0]))


def test_curves_are_bounded_and_need_not_be_true() -> None:
    told = curve_of(told_curve([1.0 / (i + 1) for i in range(1000)]))
    assert len(told) == MOST_EPOCHS_TOLD
    assert (told[0][0], told[-1][0]) == (1, 1000)
    for nonsense in (None, "x", [], ["x"], [float("nan")], [float("inf")], [1e308], {"a": 1}):
        assert told_curve(nonsense) == {}


def test_a_class_that_no_program_can_know_is_never_right() -> None:
    truth = np.array([0, 1, -1, -1])
    assert score("classification", np.array([0.0, 1.0, -1.0, -1.0]), truth) == 0.5
    assert score("classification", np.array([0.0, 0.0, 0.0, 0.0]), truth) == 0.75


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(2, 2.0), (0.5, 0.5), (10**400, LONGEST), (float("inf"), LONGEST), (float("nan"), 0.0), (-1, 0.0), ("2", 0.0)],
)
def test_whatever_a_program_says_of_its_time_is_a_number_or_nothing(said: object, seconds: float) -> None:
    assert seconds_of({"seconds": said}) == seconds
    assert seconds_of({}) == 0.0
