"""Objects that hold what belongs to one process (a lock, a connection) and can be pickled and copied all the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

__all__ = ["Portable", "nothing"]


def nothing() -> None:
    """What takes the place of a connection, until it is needed."""


class Portable:
    """Pickles and copies without what belongs to this process, which is made anew on the other side.

    Attributes:
        of_process: Names of attributes, each with what makes it anew.
    """

    of_process: ClassVar[Mapping[str, Callable[[], object]]] = {}

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name not in self.of_process}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state, **{name: make() for name, make in self.of_process.items()})
