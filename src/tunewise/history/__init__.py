"""What has been tried: an immutable view of a study's trials, as prompts and surrogates need it."""

from tunewise.history.history import Failure, History
from tunewise.history.seen import direction_of
from tunewise.history.trial import State, TrialRecord, lasting, rounded

__all__ = ["Failure", "History", "State", "TrialRecord", "direction_of", "lasting", "rounded"]
