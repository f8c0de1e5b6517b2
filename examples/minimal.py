"""The idea in a hundred lines, without tunewise: a model proposes, training answers, the model reads the answer.

    python examples/minimal.py --base-url http://127.0.0.1:8080/v1 --model NAME

Any OpenAI-compatible server will do; the key is read from OPENAI_API_KEY. What tunewise adds is everything that goes
wrong here: replies that cannot be read or repeat themselves, servers that fail, money, crashes, resuming, honesty.
"""

import argparse
import json
import math
import os
import re
import urllib.request

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

BOUNDS = {"C": (1e-3, 1e3), "gamma": (1e-5, 1e1)}
DEFAULT = {"C": 1.0, "gamma": 1 / 30}
PROBLEM = """You tune the hyperparameters of a support vector classifier with RBF kernel in scikit-learn.
Data: breast cancer, 569 rows, 30 standardized features, 2 classes.

Search space, both on a logarithmic scale:
- C: float from 0.001 to 1000, default 1. Inverse strength of the regularization.
- gamma: float from 0.00001 to 10, default 0.0333. Inverse reach of one training example.

There are {trials} evaluations. The goal is the lowest cross-validated error.

Tried so far:
{history}

Reply with one JSON object and nothing else, for example {{"C": <number>, "gamma": <number>}}.
It must differ from everything tried before.{last}"""


def objective(configuration: dict[str, float]) -> float:
    """The error of a model that was trained with a configuration, between 0 and 1."""
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), SVC(**configuration))
    return 1 - float(cross_val_score(model, X, y, cv=5).mean())


def ask(prompt: str, *, base_url: str, model: str) -> str:
    """The reply of a chat model."""
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "temperature": 0}
    request = urllib.request.Request(
        f"{base_url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}",
        },
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return str(json.load(response)["choices"][0]["message"]["content"])


def read(reply: str) -> dict[str, float]:
    """The configuration in a reply; numbers outside the bounds are moved onto them."""
    match = re.search(r"\{[^{}]*\}", reply)
    if not match:
        raise ValueError(f"no JSON object in {reply[:80]!r}")
    given = json.loads(match[0])
    return {name: min(max(float(given[name]), low), high) for name, (low, high) in BOUNDS.items()}


def main() -> None:
    """Default first, then the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--n-trials", type=int, default=10)
    options = parser.parse_args()
    tried: list[tuple[dict[str, float], float]] = []
    for trial in range(options.n_trials):
        configuration = DEFAULT
        if trial > 0:
            history = "\n".join(f"{i}. {json.dumps(c)} -> error {e:.4e}" for i, (c, e) in enumerate(tried))
            last = " This is the last try." if trial == options.n_trials - 1 else ""
            prompt = PROBLEM.format(trials=options.n_trials, history=history, last=last)
            try:
                configuration = read(ask(prompt, base_url=options.base_url, model=options.model))
            except (ValueError, KeyError, TypeError) as problem:
                print(f"{trial:>3}  no configuration: {problem}")
                continue
        error = objective(configuration)
        tried.append((configuration, error))
        print(f"{trial:>3}  error {error:.4f}  best {min(e for _, e in tried):.4f}  {json.dumps(configuration)}")
    gain = math.fsum([tried[0][1], -min(error for _, error in tried)])
    print(f"The model added {gain:.4f} over the default.")


if __name__ == "__main__":
    main()
