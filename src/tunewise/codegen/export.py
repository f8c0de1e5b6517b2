"""The winner as a Python file that stands by itself, says what it achieved, and proves it by training again."""

from __future__ import annotations

import io
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewise import attributes
from tunewise.codegen.contract import contract_named
from tunewise.codegen.data import Recipe, load_dataset
from tunewise.codegen.evaluate import Runner
from tunewise.codegen.export_table import export_table
from tunewise.codegen.extras import CURVE
from tunewise.codegen.source import pretty, without_future
from tunewise.codegen.tree import Tree, own_names, program_of
from tunewise.errors import StudyError, TunewiseError
from tunewise.sandbox.base import Limits, Listener, Outcome
from tunewise.space import Value
from tunewise.text import clip

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna

__all__ = ["ThisProcess", "export_program", "reproduce"]

TOLERANCE = 1e-6
QUOTES = "'''"
PARTS = (
    "secrets",
    "errors",
    "text",
    "data.columns",
    "data.arrow",
    "data.prepare",
    "codegen.about",
    "codegen.harness",
    "codegen.standalone",
)
"""Modules that an exported file takes along, in the order of import."""
HEADER = '''"""{title}

Written by a language model ({model}), tuned and scored by tunewise: {scores}.
It runs here without a sandbox: read it before you do.

    python {file} predict TRAIN NEW --out submission.csv

trains on all rows of one table and predicts another; tunewise is not needed.

    python {file} [DATA]

trains again on the rows that it was scored on and compares; that needs tunewise.
"""

from __future__ import annotations

N_INPUTS, N_OUTPUTS, N_ROWS, SEED = {constants}

'''
FOOTER = """

HYPERPARAMETERS = {hyperparameters}
SCORES = {scores}
TRAINING = {training}

# What `predict` needs: parts of tunewise, as they were when this file was written.
PARTS = {{
{parts}}}


# Predictions for the rows of one pyarrow table, by the program trained on all rows of another.
def fit_predict(rows, new):
    return standalone().fit_predict(rows, new, code=source(), hyperparameters=HYPERPARAMETERS, training=TRAINING)


# The last of the parts, as a module; each finds those before it.
def standalone():
    import sys
    import types

    for name, text in PARTS.items():
        if name not in sys.modules:
            module = sys.modules[name] = types.ModuleType(name)
            module.__path__ = []
            exec(compile(text, name, "exec"), vars(module))
            parent, _, own = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], own, module)
    return sys.modules[name]


# The program: the text of this file up to its hyperparameters.
def source():
    from pathlib import Path

    return Path(__file__).read_text("utf-8").rpartition("\\nHYPERPARAMETERS = ")[0]


if __name__ == "__main__":
    import sys

    if sys.argv[1:2] == ["predict"]:
        raise SystemExit(standalone().main(source(), hyperparameters=HYPERPARAMETERS, training=TRAINING))
    from tunewise.codegen.export import reproduce

    raise SystemExit(reproduce(__file__, hyperparameters=HYPERPARAMETERS, scores=SCORES, training=TRAINING))
"""


def export_program(
    study: optuna.Study, *, trial: int | None = None, file: str = "program.py", rows: bool = True
) -> str:
    """The best trial of a study of programs, or another one, as the text of a Python file.

    Args:
        study: Of programs.
        trial: Number of the trial; None: the best.
        file: Name of the file.
        rows: Whether a program of contract "table" carries the rows to train on, where there are not too many.

    Raises:
        StudyError: It is not a study of programs, or the trial has not finished.
    """
    about = study.user_attrs.get(attributes.GENERATION)
    tree = Tree.from_study(study)
    if not about or not tree:
        raise StudyError(
            f"The study {study.study_name!r} holds no programs. Name one that `tunewise generate` has made."
        )
    finished = {t.number: t for t in tree.history.finished}
    best = tree.history.best
    chosen = finished.get(trial) if trial is not None else best
    if chosen is None:
        raise StudyError(
            f"Trial {trial} of the study has not finished. Finished are: {', '.join(map(str, finished)) or 'none'}."
        )
    program = tree[program_of(chosen)]
    if about["contract"] == "table":
        gains = study.user_attrs.get(attributes.GAINS, {})
        return export_table(about, gains, program, chosen, file=file, rows=rows)
    scores = {"validation": chosen.value, **{k: v for k, v in chosen.extra.items() if not k.startswith(CURVE)}}
    told = ", ".join(f"{name} {value:.6g}" for name, value in scores.items() if value is not None)
    title = clip(program.reason or f"Program {program.number} of a study.", 100).replace("\\", "/").replace('"', "'")
    header = HEADER.format(
        title=title,
        model=clip(program.model or "unknown", 60).replace("\\", "/").replace('"', "'"),
        scores=told,
        file=Path(file).name,
        constants=f"{about['inputs']}, {about['outputs']}, {about['rows']}, {about['seed']}",
    )
    training = {key: about[key] for key in ("contract", "data", "fingerprint", "epochs", "seed", "max_parameters")}
    footer = FOOTER.format(
        hyperparameters=pretty(own_names(chosen.configuration)),
        scores=pretty(scores),
        training=pretty(training),
        parts=travelling(),
    )
    return header + without_future(program.code).strip("\n") + "\n" + footer


def travelling() -> str:
    """The parts of this package that an exported file needs, as the items of a dictionary, in the order of import."""
    root = files("tunewise")
    texts = dict.fromkeys(("winner", "winner.data", "winner.codegen"), "")
    for name in PARTS:
        text = root.joinpath(*name.split(".")).with_suffix(".py").read_text("utf-8")  # type: ignore[attr-defined]
        texts[f"winner.{name}"] = re.sub(r"^(\s*from) tunewise\b", r"\1 winner", text, flags=re.MULTILINE)
    assert not any(QUOTES in text for text in texts.values()), "the quotes that they stand in"
    return "".join(f'    "{name}": r{QUOTES}{text}{QUOTES},\n' for name, text in texts.items())


def reproduce(
    file: str, *, hyperparameters: Mapping[str, Value], scores: Mapping[str, float], training: Mapping[str, Any]
) -> int:
    """Train an exported program again, here and without a sandbox, and compare its scores.

    Args:
        file: The exported file. A path on the command line takes the place of the data's.
        hyperparameters: As exported.
        scores: As exported.
        training: As exported.

    Returns:
        Exit code: 0 when the validation score is the same to 1e-6, 1 when it is not, 2 when it could not be found.
    """
    import sys

    recipe = Recipe.from_dict({**training["data"], **({"path": sys.argv[1]} if sys.argv[1:] else {})})
    try:
        runner = Runner(
            dataset=load_dataset(recipe),
            contract=contract_named(training["contract"]),
            sandbox=ThisProcess(),
            epochs=training["epochs"],
            seed=training["seed"],
            max_parameters=training["max_parameters"],
        )
        if runner.dataset.fingerprint != training["fingerprint"]:
            sys.stderr.write("The data are not those that this program was scored on, so its scores will differ.\n")
        evaluation = runner.evaluate(Path(file).read_text("utf-8"), hyperparameters)
    except TunewiseError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    found = {"validation": evaluation.value, **evaluation.extra}
    for name, before in scores.items():
        sys.stdout.write(f"{name}: {found.get(name, float('nan')):.9g} (was {before:.9g})\n")
    return 0 if abs(evaluation.value - scores["validation"]) <= TOLERANCE else 1


class ThisProcess:
    """Runs the harness here, for a program that its owner trusts: there is no protection at all."""

    name = "none: this process"

    def run(
        self,
        program: str,
        *,
        arguments: Any = None,
        files: Mapping[str, bytes] | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        listener: Listener | None = None,
    ) -> Outcome:
        """Train at once; limits are not enforced."""
        import numpy as np
        import threadpoolctl

        from tunewise.codegen import harness

        del program, limits, listener  # the harness itself is called, not its text
        arrays = {
            name.removesuffix(".npy"): np.load(io.BytesIO(content), allow_pickle=False)
            for name, content in (files or {}).items()
        }
        with threadpoolctl.threadpool_limits(1):  # as in a sandbox
            return Outcome(result=harness.run(arguments, arrays))
