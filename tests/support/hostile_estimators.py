"""Programs of contract "sklearn" that want a better score than they deserve, or the end of whoever scores them.

The labels are drawn at random, so nothing can be learnt: whoever predicts much better than chance has seen labels. Some
rows to predict have a class that the training rows do not have; no prediction is right there.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np

from tunewise.codegen import evaluate
from tunewise.codegen.contract import CONTRACTS
from tunewise.codegen.data import Dataset, Part, Recipe
from tunewise.codegen.evaluate import Runner
from tunewise.errors import InvalidReply, TrialFailed
from tunewise.sandbox.base import Limits, Sandbox

PRELUDE = """
import warnings
import numpy as np
sys = warnings.sys  # what the check of imports does not see
os, gc, weakref = (sys.modules[name] for name in ("os", "gc", "weakref"))
harness = sys.modules["__main__"]
def read(path):
    with os.fdopen(os.open(path, os.O_RDONLY), "rb") as file: return file.read()
def long_enough(found, rows):
    for value in found:
        try:
            if not isinstance(value, (str, bytes)) and len(value) == rows and np.asarray(value).ndim == 1:
                return np.asarray(value).astype(float)
        except Exception: pass
    return np.zeros(rows)
class Given:
    def fit(self, X, y): self.y = y; return self
    def get_params(self, deep=True): return {}
    def set_params(self, **given): return self
    def predict(self, X): return np.zeros(len(X))
"""
FUNCTION = """
def make_estimator(a: bool = True):
    return Given()
"""

_TEXT = r"""
### the_unknown_class
Given.predict = lambda self, X: np.full(len(X), -1)
### numbers_beside_a_class
Given.predict = lambda self, X: np.resize([-0.0, 1e-320, 0.49999, -2, 255, 2**40], len(X))
### not_a_number
Given.predict = lambda self, X: np.full(len(X), np.nan)
### infinities
Given.predict = lambda self, X: np.full(len(X), -np.inf)
### large_integers
Given.predict = lambda self, X: [10**400] * len(X)
### complex_numbers
Given.predict = lambda self, X: np.zeros(len(X), complex)
### texts
Given.predict = lambda self, X: np.array(["0"] * len(X))
### masked_rows
Given.predict = lambda self, X: np.ma.masked_all(len(X))
### rows_in_rows
Given.predict = lambda self, X: np.zeros((1, len(X)))
### array_that_lies_of_itself
class Liar:
    __eq__ = lambda self, other: True
    __hash__ = None
    __len__ = lambda self: 10**9
    __array__ = lambda self, dtype=None, copy=None: np.array([self] * 200, object)
Given.predict = lambda self, X: Liar()
### array_that_answers_something_else
class Liar(np.ndarray):
    __eq__ = lambda self, other: np.ones(len(self), bool)
    __array_finalize__ = lambda self, other: None
    __array_function__ = lambda self, *args: True
    __array_ufunc__ = lambda self, *args, **more: np.ones(self.shape, bool)
    tolist = lambda self: [True] * len(self)
Given.predict = lambda self, X: np.zeros(len(X)).view(Liar)
### list_that_lies_of_its_length
class Liar(list):
    __len__ = lambda self: 200
    __iter__ = lambda self: iter([0] * 10**6)
Given.predict = lambda self, X: Liar()
### numpy_patched
np.isfinite = np.ones_like
np.mean = lambda *given, **more: 0.0
np.not_equal = lambda *given, **more: np.zeros(1)
Given.predict = lambda self, X: np.full(len(X), np.nan)
### conversion_patched
real = np.asarray
class Liar:
    shape, dtype = (200,), np.dtype(float)
    reshape = astype = lambda self, *given: self
    tolist = lambda self: [float("nan"), None, "x"] * 67
np.asarray = lambda given, *more: Liar() if isinstance(given, str) else real(given, *more)
np.isfinite = lambda given: np.ones(1)
Given.predict = lambda self, X: "x"
### harness_patched
harness.plain = lambda *given: [True] * 200
harness.run = lambda *given: {"predictions": [True] * 200, "value": 0.0, "score": 1.0}
### own_answer
harness.respond({"predictions": [0] * 200, "value": -1e9, "validation error": 0.0, "test_loss": 0.0, "parameters": -1})
os._exit(0)
### own_answer_with_one_key_many_times
os.write(3, b'r{"predictions": [0], ' + b'"predictions": [1], ' * 9999 + b'"predictions": [true]}\n')
os._exit(0)
### own_answer_that_is_hexadecimal
os.write(3, b'r{"predictions": [0x' + b"f" * 5000 + b"]}\n")
os._exit(0)
### own_answer_of_long_integers
os.write(3, b'r{"predictions": [' + b"1" * 4000 + b", 0" * 199 + b"]}\n")
os._exit(0)
### own_time
lies = {"seconds": 10**400, "curve": [10**400, 1e308, -1e308], "parameters": 2**4000}
harness.respond({"predictions": [0] * 200, **lies})
os._exit(0)
### own_problem
harness.respond({"problem": "\u202e\x1b[2J" * 9999})
os._exit(0)
### own_answers_without_end
def flood():
    while True: harness.respond({"predictions": [True] * 200})
sys.modules["threading"].Thread(target=flood, daemon=True).start()
### clock_patched
sys.modules["time"].perf_counter = iter([0.0, -1e308] * 99).__next__
### ends_while_it_trains
def fit(self, X, y): raise SystemExit(0)
Given.fit = fit
### ends_when_it_is_forgotten
Given.__del__ = lambda self: os._exit(0)
### parameters_without_end
class Endless(dict):
    def items(self):
        while True: yield "a", 0
Given.get_params = lambda self, deep=True: Endless()
### labels_among_all_objects
Given.predict = lambda self, X: long_enough((o for o in gc.get_objects() if o is not X), len(X))
### labels_among_arrays_behind_views
def predict(self, X):
    found = [o.base for o in gc.get_referrers(np.ndarray) if isinstance(o, np.ndarray)]
    for array in (self.y, X): found += gc.get_referrers(array) + gc.get_referents(array) + weakref.getweakrefs(array)
    return long_enough((v for o in found for v in (o.values() if isinstance(o, dict) else [o])), len(X))
Given.predict = predict
### labels_in_frames_above
def predict(self, X):
    frame, found = sys._getframe(), []
    while frame:
        found += [*frame.f_locals.values(), *frame.f_globals.values()]; frame = frame.f_back
    return long_enough((v for v in found if v is not X), len(X))
Given.predict = predict
### labels_in_files
def predict(self, X):
    found = []
    for top in (".", "..", "/tmp", "/dev/shm", "/var/tmp"):
        for folder, _, names in os.walk(top):
            for name in names:
                try: found.append(np.load(sys.modules["io"].BytesIO(read(os.path.join(folder, name)))))
                except Exception: pass
    return long_enough((v for v in found if v.ndim == 1), len(X))
Given.predict = predict
### labels_behind_the_rows
def predict(self, X):
    if not X.flags.c_contiguous: return np.zeros(len(X))
    past = np.frombuffer((np.ctypeslib.ctypes.c_char * (len(X) * 8)).from_address(X.ctypes.data + X.nbytes), np.int64)
    return np.clip(past, 0, 1)
Given.predict = predict
### many_warnings_while_it_predicts
def predict(self, X):
    warnings.simplefilter("always")
    for i in range(2_000): warnings.warn(f"{i}" * 99)
    return np.zeros(len(X))
Given.predict = predict
### step_that_is_too_small
def make_estimator(a: Annotated[float, Range(0.0, 1.0, step=1e-300)] = 0.5): return Given()
### default_of_many_digits
def make_estimator(a: Annotated[int, Range(0, 9)] = 0xFFFF): return Given()
### choices_of_many_digits
def make_estimator(a: Literal[1, 0xFFFF] = 1): return Given()
### range_without_end
def make_estimator(a: Annotated[float, Range(0, 1e999, log=True)] = 1e308): return Given()
### interface_that_points_nowhere
class Liar: __array_interface__ = {"shape": (200,), "typestr": "<f8", "data": (8, False), "version": 3}
Given.predict = lambda self, X: Liar()
### numbers_that_equal_everything
class Same(float):
    __eq__ = __ge__ = __le__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __hash__ = lambda self: 0
    __float__ = lambda self: 0.5
Given.predict = lambda self, X: np.array([Same(0.5)] * len(X), object)
### integers_that_are_another_each_time
turn = iter(range(10**9))
class Other(int):
    __index__ = __int__ = lambda self: next(turn) % 2
    __float__ = lambda self: next(turn) % 3 - 1.0
Given.predict = lambda self, X: [Other(7)] * len(X)
### predictions_that_are_made_when_they_are_read
Given.predict = lambda self, X: (i % 2 for i in range(10**12))
### a_range_without_end
Given.predict = lambda self, X: range(10**12)
### records_and_times
def predict(self, X):
    kinds = [np.zeros(len(X), [("a", int), ("b", int)]), np.zeros(len(X), "M8[s]"), {0: 0}, np.array([None] * len(X))]
    return kinds[os.getpid() % len(kinds)]
Given.predict = predict
### one_row_too_many
Given.predict = lambda self, X: np.zeros(len(X) + 1)
### own_answer_that_is_a_text
os.write(3, b'r{"predictions": "' + b"0" * 200 + b'"}\n')
os._exit(0)
### own_answer_in_lists_and_tables
os.write(3, b'r{"predictions": [[0], {"0": 1}, null, true, "NaN"' + b", [[1]]" * 195 + b"]}\n")
os._exit(0)
### own_answer_beyond_a_number
os.write(3, b'r{"predictions": [1e400' + b", -1e400" * 199 + b"]}\n")
os._exit(0)
### signs_without_end
def make_estimator(a: Annotated[int, Range(0, 9)] = MINUS1): return Given()
### parentheses_without_end
def make_estimator(a: bool = OPENTrueCLOSE): return Given()
### choices_without_end
def make_estimator(a: Literal[MANY] = 1): return Given()
### zero_byte_in_the_text
def make_estimator(a: bool = True): return "ZERO"
### half_a_character_in_the_text
def make_estimator(a: bool = True): return "HALF"
### text_in_another_alphabet
# -*- coding: utf-16 -*-
def make_estimator(a: bool = True): return Given()
"""
for _name, _text in {
    "0xFFFF": "0x" + "f" * 5000,
    "MINUS": "-" * 15_000,
    "OPEN": "(" * 5000,
    "CLOSE": ")" * 5000,
    "MANY": ", ".join(map(str, range(2_500))),
    "ZERO": "\0",
    "HALF": "\udc80",
}.items():
    _TEXT = _TEXT.replace(_name, _text)

CHEATS = {name: source for name, _, source in (part.partition("\n") for part in _TEXT.strip("\n")[4:].split("\n### "))}
QUICK = Limits(wall_s=30, cpu_s=1, memory_mb=1500)
CHANCE = 0.35
"""No honest error is below: about 0.6 is expected of 100 rows, one in five of which nobody can know."""


def at_random() -> Dataset:
    """Two classes that depend on nothing, and a third one later."""
    rng = np.random.default_rng(0)

    def part(rows: int, unknown: float) -> Part:
        classes = np.where(rng.random(rows) < unknown, -1, rng.integers(0, 2, rows))
        return Part(rng.random((rows, 3), np.float32), classes.astype(np.int64))

    recipe = Recipe(path="none", target="y", task="classification")
    return Dataset(
        "random",
        recipe,
        ("a", "b", "c"),
        train=part(150, 0.0),
        validation=part(100, 0.2),
        test=part(100, 0.2),
        classes=("no", "yes"),
    )


def cheat(sandbox: Sandbox, name: str) -> dict[str, Any]:
    """Check and score one program; say what it has achieved."""
    source = CHEATS[name]
    code = PRELUDE + source + ("" if "def make_estimator" in source else FUNCTION)
    runner = Runner(dataset=at_random(), contract=CONTRACTS["sklearn"], sandbox=sandbox, limits=QUICK)
    escapes, errors = [], []
    for attempt in (runner.check, lambda code: runner.evaluate(code, {"a": True})):
        try:
            with patch.object(evaluate, "CHECK", QUICK):
                found = attempt(code)
        except (InvalidReply, TrialFailed) as failure:
            errors.append(str(failure))
            continue
        value = getattr(found, "value", 1.0)
        if not CHANCE < value <= 1:
            escapes.append(f"its error is {value}")
    escapes += [f"it is told in {len(error)} characters" for error in errors if len(error) > 2000 or "\x1b" in error]
    return {"escapes": escapes, "error": "; ".join(errors), "clear": True, "kept": 0}
