"""What an `LLMSampler` may be told beside what is tuned and who proposes."""

from __future__ import annotations

from dataclasses import dataclass

from tunewise.checks import check_whole
from tunewise.errors import StudyError

__all__ = ["SamplerOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerOptions:
    """The rarer choices of an `LLMSampler`.

    Attributes:
        reasoning: Whether the model analyses before it proposes.
        expert: Whether a system message gives it the role of an expert.
        temperature: Of its sampling, in [0, 2]; 0 for its likeliest reply.
        default: Whether the default configuration is evaluated first, where the space has one.
        max_fallbacks: After so many trials in a row that had to do without the model, the next one raises
            `ModelUnusable`; None: never.

    Raises:
        StudyError: A value breaks a rule.
    """

    reasoning: bool = False
    expert: bool = True
    temperature: float = 0.0
    default: bool = True
    max_fallbacks: int | None = 3

    def __post_init__(self) -> None:
        if self.max_fallbacks is not None:
            check_whole("max_fallbacks", self.max_fallbacks, 1, error=StudyError, way_out="Correct it or use None.")
        given = self.temperature
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 2:
            raise StudyError(f"temperature = {given!r} is not a number from 0 to 2. 0 is the usual choice.")
