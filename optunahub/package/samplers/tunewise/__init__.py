"""The sampler of tunewise, for OptunaHub."""

from tunewise import LLMSampler
from tunewise import SearchSpace
from tunewise import Task


__all__ = ["LLMSampler", "SearchSpace", "Task"]
