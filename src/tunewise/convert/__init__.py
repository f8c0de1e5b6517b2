"""Files of other programs, read into a study file. What cannot be said here is named, never dropped in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tunewise.convert.draft import Draft
from tunewise.convert.grids import from_grid, from_python, is_grid
from tunewise.convert.spaces import (
    from_configspace_json,
    from_keras_tuner,
    from_nni,
    from_ray,
    is_configspace_json,
    is_keras_tuner,
    is_nni,
    is_ray,
)
from tunewise.convert.sweeps import from_hydra, from_wandb, is_hydra, is_wandb
from tunewise.errors import StudyError
from tunewise.plain import Plain
from tunewise.yaml12 import read_yaml_file

__all__ = ["Draft", "convert_file"]

KNOWN: Final[tuple[tuple[Callable[[Plain], bool], Callable[[Mapping[str, Plain]], Draft]], ...]] = (
    (is_wandb, from_wandb),
    (is_hydra, from_hydra),
    (is_configspace_json, from_configspace_json),
    (is_keras_tuner, from_keras_tuner),
    (is_nni, from_nni),
    (is_ray, from_ray),
    (is_grid, from_grid),
)
"""How each kind of file is recognized, and read."""


def convert_file(path: Path) -> Draft:
    """Read a file of another program.

    Args:
        path: A W&B sweep, a Hydra configuration with a sweeper, a search space of NNI or Ray Tune, ConfigSpace's JSON,
            Keras Tuner's oracle, a grid of scikit-learn; or Python with such a grid.

    Raises:
        StudyError: It cannot be read, or is none of these.
    """
    if path.suffix == ".py":
        try:
            return from_python(path.read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{path} cannot be read: {error}. Name a file that is there.") from None
    data = read_yaml_file(path)
    for is_kind, read in KNOWN:
        if is_kind(data):
            return read(data)  # type: ignore[arg-type]  # each kind is a mapping, but for a list of grids
    raise StudyError(
        f"{path} is no file that is known here. Known are a W&B sweep (parameters: ...), a Hydra sweeper "
        "(hydra: {sweeper: {params: ...}}), a search space of NNI or Ray Tune, ConfigSpace's and Keras Tuner's JSON, "
        "and a grid of scikit-learn ({C: [0.1, 1]}; also in a .py file)."
    )
