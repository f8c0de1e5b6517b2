"""A bowl in ten trials. With a key set, name a model: LLMSampler("anthropic/claude-sonnet-4-5", ...)."""

import optuna
import optunahub


def objective(trial: optuna.Trial) -> float:
    """Least at x = 2, y = -1."""
    x = trial.suggest_float("x", -5, 5)
    y = trial.suggest_float("y", -5, 5)
    return (x - 2) ** 2 + (y + 1) ** 2


if __name__ == "__main__":
    package = optunahub.load_module("samplers/tunewise")
    # Without a model it is a Gaussian process; the model's name is the first argument.
    sampler = package.LLMSampler(
        task=package.Task(model="a bowl", metric="height", budget=10), seed=0
    )
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=10)
    print(study.best_params, study.best_value)
