"""Trains a generated program and predicts with it; the text of this file is what runs in the sandbox.

It imports nothing of tunewise, and whatever it answers is as untrusted as the program that it runs. There are no
validation labels in its reach. It hands back predictions; who asked for them scores them.
"""

from __future__ import annotations
import __future__

import math
import random
import sys
import time
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[np.float64] | NDArray[np.int64]]

BATCH = 256
"""Rows of a training batch, where the program does not say."""
SMALL = 512
"""Rows that a check trains on."""
FUNCTIONS = {"torch": "make_model_and_optimizer", "sklearn": "make_estimator"}


class Arguments(TypedDict):
    """What is to be done: everything but the data.

    Attributes:
        mode: "check" or "train".
        contract: "torch" or "sklearn".
        code: The program.
        hyperparameters: Of its function.
        task: "regression" or "classification".
        outputs: How many numbers a torch model gives for a row.
        epochs: Passes over the training rows, for torch.
        seed: Of everything random.
        max_parameters: Of a torch model.
        watched: So many of the rows to predict are predicted after each epoch of torch, and handed over.
    """

    mode: str
    contract: str
    code: str
    hyperparameters: Mapping[str, Any]
    task: str
    outputs: int
    epochs: int
    seed: int
    max_parameters: int
    watched: NotRequired[int]


class Answer(TypedDict, total=False):
    """What came of it: `problem` alone, or the rest.

    Attributes:
        problem: Why it failed, for the program's author.
        predictions: A number or a class for each row to predict; of contract "table" perhaps its probabilities.
        seen: The same of the first training rows, of contract "table".
        curve: The average training loss of every epoch.
        parameters: How many; None where nobody can say.
        seconds: Of a check: the time that one epoch may take.
        epoch: Of what is handed over during training, with the predictions so far.
    """

    problem: str
    predictions: list[float] | list[list[float]]
    seen: list[float] | list[list[float]]
    curve: list[float]
    parameters: int | None
    seconds: float
    epoch: int


class Problem(Exception):
    """The program breaks the contract, or training failed; the message is for its author."""


def unheard(answer: Answer) -> None:
    """Nobody listens."""


def run(arguments: Arguments, arrays: Arrays, respond: Callable[[Answer], None] = unheard) -> Answer:
    """Check or train one program.

    Args:
        arguments: What is to be done.
        arrays: `train_x` (`n x d`), `train_y` (`n`), `eval_x` (`m x d`).
        respond: Is handed what there is after each epoch.

    Returns:
        A problem, or what training gave; a check gives no predictions.
    """
    if arguments["contract"] == "torch":
        return answered(lambda: run_torch(arguments, arrays, respond), Problem)
    return answered(lambda: run_sklearn(arguments, arrays), Problem)


def answered(train: Callable[[], Answer], refusal: type[Exception]) -> Answer:
    """What training gives, or the problem that its author is told; `refusal` speaks for itself."""
    try:
        return train()
    except refusal as problem:
        return {"problem": str(problem)}
    except MemoryError:
        return {"problem": "It needs more memory than there is."}
    except Exception as error:  # noqa: BLE001 - whatever a program raises is told to its author
        return {"problem": described(error)}


def described(error: BaseException) -> str:
    """An exception in a line, with the line of the program where it happened."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if is_program(frame)]
    place = f" (line {lines[-1]} of the program)" if lines else ""
    return f"It raised {type(error).__name__}: {' '.join(str(error).split())[:500]}{place}"


def is_program(frame: types.FrameType) -> bool:
    """Whether a frame belongs to the generated program."""
    return frame.f_code.co_filename == "<program>"


def load(arguments: Arguments, arrays: Arrays) -> Callable[..., object]:
    """The function of a program that is told the shape of its inputs."""
    rows, inputs = arrays["train_x"].shape
    names = {"N_INPUTS": inputs, "N_OUTPUTS": arguments["outputs"], "N_ROWS": rows, "SEED": arguments["seed"]}
    return loaded(arguments["code"], names, FUNCTIONS[arguments["contract"]])


def loaded(text: str, names: Mapping[str, object], function: str) -> Callable[..., object]:
    """Run a program's text as a module of its own and find its function; annotations are not evaluated."""
    module = types.ModuleType("program")
    vars(module).update(names)
    sys.modules["program"] = module
    code = compile(text, "<program>", "exec", __future__.annotations.compiler_flag, dont_inherit=True)
    exec(code, vars(module))  # noqa: S102 - the point of it all
    return getattr(module, function)  # type: ignore[no-any-return]


def run_torch(arguments: Arguments, arrays: Arrays, respond: Callable[[Answer], None]) -> Answer:
    """The torch contract."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(arguments["seed"])
    checking, regression = arguments["mode"] == "check", arguments["task"] == "regression"
    rows = slice(SMALL if checking else None)
    x, ahead = (torch.from_numpy(np.asarray(arrays[name][rows], np.float32)) for name in ("train_x", "eval_x"))
    y = torch.from_numpy(np.asarray(arrays["train_y"][rows], np.float32 if regression else np.int64))
    compare = torch.nn.functional.mse_loss if regression else torch.nn.functional.cross_entropy
    model, optimizer, parameters = built(made(arguments, arrays), arguments["max_parameters"])
    size = max(2, int(arguments["hyperparameters"].get("batch_size", BATCH)))

    def loss_of(chosen: torch.Tensor) -> torch.Tensor:
        return compare(shaped(model(x[chosen]), len(chosen), arguments), y[chosen])

    predict(model, ahead[:2], arguments)  # a wrong shape is found out before training
    curve: list[float] = []
    began = time.perf_counter()
    for epoch in range(1 if checking else arguments["epochs"]):
        model.train()
        curve.append(train_epoch(optimizer, loss_of, torch.split(torch.randperm(len(x)), size)))
        if not math.isfinite(curve[-1]):
            raise Problem(f"Training diverged: the average training loss of epoch {epoch + 1} is {curve[-1]}.")
        if (watched := arguments.get("watched", 0)) and not checking:
            respond({"epoch": epoch + 1, "predictions": predict(model, ahead[:watched], arguments)})
    seconds = (time.perf_counter() - began) * len(arrays["train_x"]) / len(x)
    predictions = predict(model, ahead, arguments)
    if checking:
        return {"parameters": parameters, "seconds": seconds}
    return {"predictions": predictions, "curve": curve, "parameters": parameters}


def made(arguments: Arguments, arrays: Arrays) -> Any:
    """What the program's function returns, after everything random has been seeded."""
    random.seed(arguments["seed"])
    np.random.seed(arguments["seed"])
    return load(arguments, arrays)(**arguments["hyperparameters"])


def built(returned: object, most: int) -> tuple[torch.nn.Module, torch.optim.Optimizer, int]:
    """Model, optimizer and number of parameters."""
    import torch

    if not (isinstance(returned, tuple) and len(returned) == 2):
        raise Problem(f"It must return a tuple (model, optimizer), but returned {type(returned).__name__}.")
    model, optimizer = returned
    if not isinstance(model, torch.nn.Module) or not isinstance(optimizer, torch.optim.Optimizer):
        kinds = f"{type(model).__name__}, {type(optimizer).__name__}"
        raise Problem(f"It must return (torch.nn.Module, torch.optim.Optimizer), but returned ({kinds}).")
    own = {id(p) for p in model.parameters()}
    parameters = sum(p.numel() for p in model.parameters())
    if parameters > most:
        raise Problem(f"The model has {parameters:,} parameters; at most {most:,} are allowed.")
    if not own & {id(p) for group in optimizer.param_groups for p in group["params"]}:
        raise Problem("The optimizer holds none of the model's parameters.")
    return model, optimizer, parameters


def train_epoch(
    optimizer: torch.optim.Optimizer,
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    batches: Sequence[torch.Tensor],
) -> float:
    """One pass over the training rows; returns the average loss of a row. A last batch of one row is left out."""
    import torch

    total = rows = 0.0
    for chosen in batches:
        if len(chosen) < 2:
            continue

        def closure(chosen: torch.Tensor = chosen) -> Any:
            optimizer.zero_grad()
            loss = loss_of(chosen)
            torch.autograd.backward(loss)
            return loss

        total += float(optimizer.step(closure)) * len(chosen)
        rows += len(chosen)
    return total / rows


def shaped(output: object, rows: int, arguments: Arguments) -> torch.Tensor:
    """A batch's output, `rows` for regression and `rows x classes` for classification."""
    import torch

    expected = (rows, arguments["outputs"])
    if not isinstance(output, torch.Tensor):
        raise Problem(f"The model must return a tensor, but returned {type(output).__name__}.")
    regression = arguments["task"] == "regression"
    if tuple(output.shape) != expected and not (regression and tuple(output.shape) == (rows,)):
        raise Problem(f"For a batch of {rows} rows the output must have shape {expected}, not {tuple(output.shape)}.")
    return output.reshape(rows) if regression else output


def predict(model: torch.nn.Module, x: torch.Tensor, arguments: Arguments) -> list[float]:
    """Numbers for regression, classes for classification."""
    import torch

    model.eval()
    with torch.no_grad():
        parts = [shaped(model(rows), len(rows), arguments) for rows in torch.split(x, 4096)]
    output = torch.cat(parts)
    if not bool(torch.isfinite(output).all()):
        raise Problem("The model predicts numbers that are not finite.")
    found = output.double() if arguments["task"] == "regression" else output.argmax(dim=1)
    numbers: list[float] = found.tolist()
    return numbers


def run_sklearn(arguments: Arguments, arrays: Arrays) -> Answer:
    """The scikit-learn contract."""
    checking, regression = arguments["mode"] == "check", arguments["task"] == "regression"
    rows = slice(SMALL if checking else None)
    x, y, ahead = (np.asarray(arrays[name][rows]) for name in ("train_x", "train_y", "eval_x"))
    estimator = made(arguments, arrays)
    for method in ("fit", "predict", "get_params"):
        if not callable(getattr(estimator, method, None)):
            raise Problem(f"It must return an unfitted estimator; {type(estimator).__name__} has no {method}().")
    unseeded = [k for k, v in estimator.get_params().items() if v is None and k.split("__")[-1] == "random_state"]
    estimator.set_params(**dict.fromkeys(unseeded, arguments["seed"]))
    began = time.perf_counter()
    estimator.fit(x, y)
    seconds = (time.perf_counter() - began) * len(arrays["train_x"]) / len(x)
    predictions = plain(estimator.predict(ahead), len(ahead), regression)
    seen = plain(estimator.predict(x[:5000]), len(x[:5000]), regression)
    if checking:
        return {"parameters": None, "seconds": seconds}
    errors = np.square(np.subtract(seen, y[:5000])) if regression else np.not_equal(seen, y[:5000])
    return {"predictions": predictions, "curve": [float(np.mean(errors))], "parameters": None}


def plain(predicted: object, rows: int, regression: bool) -> list[float]:
    """Predictions as a list, checked."""
    output = np.asarray(predicted)
    if output.shape not in ((rows,), (rows, 1)):
        raise Problem(f"For {rows} rows predict() must give shape ({rows},), not {output.shape}.")
    if output.dtype.kind not in "fiub" or not np.isfinite(output).all():
        raise Problem("predict() gives values that are not finite numbers.")
    output = output.reshape(rows)
    return (output.astype(float) if regression else output.astype(int)).tolist()


def main(arguments: Arguments, respond: Callable[[Answer], None]) -> None:
    """In the sandbox: the arrays lie in the work folder."""
    arrays = {name: np.load(f"{name}.npy", allow_pickle=False) for name in ("train_x", "train_y", "eval_x")}
    respond(run(arguments, arrays, respond))
