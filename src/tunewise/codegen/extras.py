"""Numbers beside the value of an evaluation: training losses by epoch, values of folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tunewise.evaluate import Evaluation

__all__ = ["CURVE", "FITTED", "FOLD", "curve_of", "folds_told", "together", "told_curve"]

CURVE = "train_loss@"
"""Beginning of the keys of `Evaluation.extra` that hold the average training loss of an epoch, numbered from 1."""
FOLD = "fold "
"""Beginning of the keys of `Evaluation.extra` that hold the value of a fold, numbered from 1."""
FITTED = "training rows"
"""The loss on rows that a program was trained on, beside that of rows that were held out."""
MOST_EPOCHS_TOLD = 12
"""Epochs whose training loss is kept, evenly spread, the first and the last among them."""


def together(found: Sequence[Evaluation]) -> Evaluation:
    """Several splits as one evaluation: means, and the value of each."""
    if len(found) == 1:
        return found[0]
    means = {name: math.fsum(one.extra[name] for one in found) / len(found) for name in found[0].extra}
    folds = {f"{FOLD}{number}": one.value for number, one in enumerate(found, 1)}
    return Evaluation(math.fsum(one.value for one in found) / len(found), {**means, **folds})


def folds_told(extra: Mapping[str, float]) -> tuple[float, ...]:
    """The value of each fold."""
    return tuple(value for key, value in extra.items() if key.startswith(FOLD))


def told_curve(given: object) -> dict[str, float]:
    """The training losses that are worth keeping; the program may have made them up, so they are no score."""
    if not isinstance(given, list) or not given or len(given) > 100_000:
        return {}
    if not all(type(loss) in (int, float) and abs(loss) < 1e300 for loss in given):
        return {}
    count = len(given)
    told = min(count, MOST_EPOCHS_TOLD)
    kept = sorted({round(i * (count - 1) / max(1, told - 1)) for i in range(told)})
    return {f"{CURVE}{i + 1}": float(given[i]) for i in kept}


def curve_of(extra: Mapping[str, float]) -> tuple[tuple[int, float], ...]:
    """Epochs and their average training losses."""
    pairs = [(key.removeprefix(CURVE), loss) for key, loss in extra.items() if key.startswith(CURVE)]
    return tuple(sorted((int(epoch), loss) for epoch, loss in pairs if epoch.isdigit()))
