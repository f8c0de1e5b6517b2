"""The statistical half of a proposer: what 3 to 1,000 trials say about all others.

```python
surrogate = fit_surrogate(space, configurations, values, failed=crashed, plausible=[space.default], rng=rng)
surrogate.propose(2)  # where to look next, with two workers
surrogate.score(candidates)  # how others' ideas compare: logarithm of expected improvement times success
surrogate.predict(candidates)  # what they would give
surrogate.effects()  # what matters, in which direction, what is not known yet, and where nobody looked
```

Values are minimized. Everything below the facade works on points of the unit cube, as `SearchSpace.encode` makes them.
"""

from tunewise.surrogate.effects import Effect, Estimate
from tunewise.surrogate.surrogate import Surrogate, fit_surrogate

__all__ = ["Effect", "Estimate", "Surrogate", "fit_surrogate"]
