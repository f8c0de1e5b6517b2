"""What proposers are compared on, a file for each family of problems."""

from tunewise.bench.problems.base import Problem
from tunewise.bench.problems.registry import get, names

__all__ = ["Problem", "get", "names"]
