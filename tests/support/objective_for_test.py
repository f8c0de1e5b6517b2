"""An objective that is imported by its path."""

answer = 42


def objective(configuration: dict[str, object]) -> float:
    x = configuration["x"]
    assert isinstance(x, int | float)
    return float(x) + answer


def broken(configuration: dict[str, object]) -> float:
    raise RuntimeError("no gradient")
