"""The search space: which hyperparameters there are, and the one gate from a reply to a configuration.

A `SearchSpace` maps names to hyperparameters. A hyperparameter has values (`Float`, `Int`,
`Categorical`) and what a language model needs to know: default, description, the condition under which it exists.

```python
space = SearchSpace(
    {
        "kernel": Categorical(["rbf", "linear"], default="rbf"),
        "C": Float(1e-3, 1e3, log=True, default=1.0, description="inverse regularization strength"),
        "gamma": Float(1e-4, 1e1, log=True, default=0.1, when={"kernel": "rbf"}),
    }
)
```
"""

from tunewise.space.categorical import Categorical, Flag
from tunewise.space.hyperparameter import NO_DEFAULT, Hyperparameter, NoDefault
from tunewise.space.numbers import Float, Int
from tunewise.space.searchspace import Coerced, Repair, SearchSpace
from tunewise.space.values import Configuration, Value

__all__ = [
    "NO_DEFAULT",
    "Categorical",
    "Coerced",
    "Configuration",
    "Flag",
    "Float",
    "Hyperparameter",
    "Int",
    "NoDefault",
    "Repair",
    "SearchSpace",
    "Value",
]
