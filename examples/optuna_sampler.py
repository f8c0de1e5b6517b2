"""An Optuna study as it might stand in anybody's code; only the sampler is ours.

python examples/optuna_sampler.py [MODEL]
"""

import sys

import optuna
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

import tunewise

X, y = load_breast_cancer(return_X_y=True)


def objective(trial: optuna.Trial) -> float:
    """Accuracy of a random forest."""
    model = RandomForestClassifier(
        n_estimators=20,
        max_depth=trial.suggest_int("max_depth", 1, 50, log=True),
        max_features=trial.suggest_float("max_features", 0.05, 1.0),
        min_samples_leaf=trial.suggest_int("min_samples_leaf", 1, 20),
        random_state=0,
    )
    return float(cross_val_score(model, X, y, cv=3).mean())


def main() -> None:
    """Six trials; the first one's parameters are asked for one by one, because nobody has named the space."""
    sampler = tunewise.LLMSampler(
        sys.argv[1] if len(sys.argv) > 1 else "embedded",
        task=tunewise.Task(model="random forest classifier", library="scikit-learn", metric="accuracy", budget=6),
        seed=0,
        options=tunewise.SamplerOptions(max_fallbacks=None),  # the embedded model is a stand-in: go on without its use
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=6)
    for trial in study.trials:
        print(trial.number, trial.value, trial.params, trial.user_attrs["tunewise:proposal"]["source"])


if __name__ == "__main__":
    main()
