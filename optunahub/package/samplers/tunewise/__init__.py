"""The sampler of tunewise, for OptunaHub."""

from tunewise import LLMSampler, SearchSpace, Task

__all__ = ["LLMSampler", "SearchSpace", "Task"]
