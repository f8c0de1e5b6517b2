"""Programs may do what they like: the study gets a number or a reason."""

from __future__ import annotations

import json
import os
import pickle
import shlex
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.waiting import Leap, until, until_gone, written
from tunewise.cli.trial_table import brief_remark
from tunewise.errors import StudyError, TrialFailed
from tunewise.evaluate.base import Evaluation
from tunewise.evaluate.command import CommandEvaluator
from tunewise.evaluate.words import fill
from tunewise.space import Value

EXAMPLES = Path(__file__).parents[2] / "examples"
HOSTILE = [
    "; rm -rf $HOME",
    "$(touch pwned)",
    "`touch pwned`",
    "two\nlines",
    '"',
    "'",
    "a b  c",
    "--help",
    "",
    "{x}",
    "ü🙂",
    "%s",
]


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


ECHO = python(
    "import json, sys; print(json.dumps({'value': 1, 'words': len(sys.argv)})); print(sys.argv[1:], file=sys.stderr)"
)


def words(command: list[str], configuration: dict[str, Value], folder: Path) -> list[str]:
    """What a program sees as its arguments."""
    code = "import json, pathlib, sys; pathlib.Path('argv').write_text(json.dumps(sys.argv[1:])); print(1)"
    CommandEvaluator(python(code, *command), cwd=folder).evaluate(configuration)
    return list(json.loads((folder / "argv").read_text()))


def test_arguments(tmp_path: Path) -> None:
    configuration: dict[str, Value] = {"learning_rate": 0.1 + 0.2, "n": 3, "shuffle": True, "depth": None, "k": "rbf"}
    assert words([], configuration, tmp_path) == [
        "--learning_rate=0.30000000000000004", "--n=3", "--shuffle=true", "--depth=null", "--k=rbf",
    ]  # fmt: skip
    placed = ["--lr", "{learning_rate}", "{n}-{n}", "{{n}}", "--gamma={gamma?}", '{"a": {"b": 1}}']
    assert words(placed, configuration, tmp_path) == ["--lr", "0.30000000000000004", "3-3", "{n}", '{"a": {"b": 1}}']
    assert words(["{learning rate}"], {"learning rate": 1e-05}, tmp_path) == ["1e-05"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_stays_one_word_and_no_shell_reads_it(value: str, tmp_path: Path) -> None:
    assert words(["{x}", "-{x}-"], {"x": value}, tmp_path) == [value, f"-{value}-"]
    assert words([], {"x": value}, tmp_path) == [f"--x={value}"]
    code = "import json, os; given = json.load(open(os.environ['TUNEWISE_CONFIG']))['x']; "
    CommandEvaluator(python(f"{code} assert given == os.environ['TUNEWISE_PARAM_X']; print(1)"), cwd=tmp_path).evaluate(
        {"x": value}
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["argv"]


def test_a_text_command_is_split_before_values_are_placed(tmp_path: Path) -> None:
    script = tmp_path / "a script.py"
    script.write_text("import sys; print(len(sys.argv))")
    evaluator = CommandEvaluator(f"{sys.executable} '{script}' {{x}} last")
    assert evaluator.evaluate({"x": "one 'two three"}).value == 3


def test_values_that_no_program_can_take() -> None:
    for value in ("nul\0byte", "\ud800", "x" * 5_000_000):
        with pytest.raises(TrialFailed, match=r"cannot be handed|could not be started"):
            CommandEvaluator(ECHO).evaluate({"x": value})


def test_environment_and_config_file(tmp_path: Path) -> None:
    code = """
import json, os, pathlib, sys
names = {k: v for k, v in os.environ.items() if k.startswith("TUNEWISE_PARAM")} | {"OWN": os.environ["OWN"]}
seen = [names, json.load(open(sys.argv[1])), sys.argv[1] == os.environ["TUNEWISE_CONFIG"]]
pathlib.Path("seen").write_text(json.dumps(seen))
print(0.5)
"""
    evaluator = CommandEvaluator(python(code, "{config}"), cwd=tmp_path, env={"OWN": "set"})
    configuration: dict[str, Value] = {"svc__C": 1e-300, "c": 1, "C": 2, "flag": False, "none": None}
    assert evaluator.evaluate(configuration) == Evaluation(0.5)
    names, given, same = json.loads((tmp_path / "seen").read_text())
    assert names == {
        "TUNEWISE_PARAM_SVC__C": "1e-300", "TUNEWISE_PARAM_FLAG": "false", "TUNEWISE_PARAM_NONE": "null", "OWN": "set",
    }  # fmt: skip
    assert given == configuration
    assert same


WRITE = "import os, pathlib; pathlib.Path(os.environ['TUNEWISE_RESULT']).write_text({!r}); print(7)"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print('epoch 1'); print(0.25)", Evaluation(0.25)),
        ("print('{\"value\": 1, \"n\": 2, \"note\": \"x\"}\\n{\"other\": 1}\\nbye')", Evaluation(1, {"n": 2})),
        ("print('{\"value\": 1}'); print('{broken')", Evaluation(1)),
        (WRITE.format('{"value": 3, "epochs": 1}'), Evaluation(3, {"epochs": 1})),
        (WRITE.format("4"), Evaluation(4)),
        (WRITE.format(""), Evaluation(7)),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n1e-3\\r\\n')", Evaluation(0.001)),
    ],
)  # fmt: skip
def test_where_the_metric_comes_from(code: str, expected: Evaluation) -> None:
    assert CommandEvaluator(python(code)).evaluate({}) == expected


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "import sys; print('Killed by data', file=sys.stderr); sys.exit(3)",
            "exit code 3. Its output ends with: Killed by data",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
        ("raise ValueError('bad rate')", "ValueError: bad rate"),
        ("print('loss fell')", "told no metric. Let it print the number alone"),
        ("pass", "It wrote nothing."),
        ("print('nan')", "The metric is NaN"),
        ("print('{\"value\": NaN}')", "The metric is NaN"),
        ("print('inf')", "The metric is inf"),
        ('print(\'{"value": "0.5"}\')', "not a number"),
        (WRITE.format('{"value": NaN}'), "The metric is NaN"),
        (WRITE.format('{"value": null}'), "returned None"),
        (WRITE.format('{"loss": 1}'), "its keys are: loss"),
        (WRITE.format("{"), "cannot be read"),
        (WRITE.format("[" * 100_000), "cannot be read"),
        ("import os; open(os.environ['TUNEWISE_RESULT'], 'wb').truncate(1 << 33)", "cannot be read"),
        (WRITE.format("1" + "0" * 400), "cannot be read"),
        ("print('x' * 100_000)", "x" * 1000),
    ],
)
def test_failures_have_a_reason(code: str, reason: str) -> None:
    with pytest.raises(TrialFailed) as caught:
        CommandEvaluator(python(code)).evaluate({})
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 2000


def test_a_hanging_program_is_ended_with_its_daemons(
    tmp_path: Path, leap: Leap, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path("asked").touch(), sys.exit(0)))
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
pathlib.Path("pid").write_text(str(child.pid))
print("epoch 1", flush=True)
pathlib.Path("ready").touch()
time.sleep(600)
"""
    monkeypatch.setattr("tunewise.evaluate.command.GRACE_S", 300)
    leap((tmp_path / "ready").exists)
    with pytest.raises(TrialFailed, match=r"exceeded its limit of 600 s and was ended\. Its output ends with: epoch 1"):
        CommandEvaluator(python(code), timeout_s=600, cwd=tmp_path).evaluate({})
    assert (tmp_path / "asked").exists()
    until_gone(int((tmp_path / "pid").read_text()))


def test_a_program_that_ignores_the_request_is_ended_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leap: Leap
) -> None:
    leap((tmp_path / "ready").exists)
    monkeypatch.setattr("tunewise.evaluate.command.GRACE_S", 0.2)
    stubborn = ["sh", "-c", "trap '' TERM; touch ready; while :; do sleep 0.1; done"]
    with pytest.raises(TrialFailed, match="exceeded its limit"):
        CommandEvaluator(stubborn, timeout_s=600, cwd=tmp_path).evaluate({})


def test_a_program_that_closes_its_output_is_waited_for() -> None:
    code = "import os, time; os.close(1); os.close(2); time.sleep(0.4); "
    assert CommandEvaluator(python(code + WRITE.replace("print(7)", "").format("2"))).evaluate({}).value == 2


def test_a_grandchild_that_holds_the_output_is_not_waited_for_and_not_left(tmp_path: Path) -> None:
    code = """
import pathlib, subprocess
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
pathlib.Path("pid").write_text(str(child.pid))
print(1)
"""
    assert CommandEvaluator(python(code), cwd=tmp_path).evaluate({}).value == 1
    until_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.long
def test_a_flood_of_output_is_read_in_bounded_memory() -> None:
    code = "import sys\nfor _ in range(200): sys.stdout.write('x' * 999_999 + '\\n')\nprint(5)"
    tracemalloc.start()
    try:
        assert CommandEvaluator(python(code)).evaluate({}).value == 5
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_several_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    evaluator = CommandEvaluator(["sh", "-c", "sleep 0.1; echo $TUNEWISE_PARAM_X"])
    with ThreadPoolExecutor(4) as threads:
        assert [r.value for r in threads.map(evaluator.evaluate, [{"x": x} for x in range(8)])] == list(range(8))
    assert list(tmp_path.iterdir()) == []
    assert pickle.loads(pickle.dumps(evaluator)).evaluate({"x": 3}).value == 3


def test_close_ends_what_runs(tmp_path: Path) -> None:
    evaluator = CommandEvaluator(["sh", "-c", "touch ready; sleep 600"], cwd=tmp_path)
    outcome: list[TrialFailed] = []

    def trial() -> None:
        with pytest.raises(TrialFailed) as caught:
            evaluator.evaluate({})
        outcome.append(caught.value)

    thread = threading.Thread(target=trial)
    thread.start()
    until((tmp_path / "ready").exists)
    evaluator.close()
    thread.join()
    assert "SIGKILL" in str(outcome[0])


def test_an_interruption_while_a_program_is_started_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        """Runs, but its number never reaches the caller."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)
            raise KeyboardInterrupt

    evaluator = CommandEvaluator(["sleep", "600"])
    with monkeypatch.context() as patch:
        patch.setattr("tunewise.evaluate.processes.watchdog.wake", lambda: None)  # is started in the same way
        patch.setattr(subprocess, "Popen", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluator.evaluate({})
    (process,) = started
    with process:  # closes its pipes
        assert process.wait() == -9


def test_ctrl_c_ends_the_program(tmp_path: Path) -> None:
    """The signal reaches the driver alone; the driver's way out ends the program."""
    script = "from tunewise.evaluate.command import CommandEvaluator as Command; "
    script += "Command(['sh', '-c', 'echo $$ > pid; sleep 600']).evaluate({})"
    driver = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
    )
    written(tmp_path / "pid")
    driver.send_signal(2)
    _, stderr = driver.communicate()
    assert b"KeyboardInterrupt" in stderr
    until_gone(int((tmp_path / "pid").read_text()))


def test_a_driver_that_is_killed_while_a_program_starts_leaves_none(tmp_path: Path) -> None:
    """Killed between the start of the program and the moment when its number could be told."""
    script = """
import os, signal, subprocess
from tunewise.evaluate.command import CommandEvaluator
class Killed(subprocess.Popen):
    def __init__(self, words, **options):
        super().__init__(words, **options)
        if words[0] == "sh":
            while not os.path.exists("pid"): pass
            os.kill(os.getpid(), signal.SIGKILL)
subprocess.Popen = Killed
CommandEvaluator(["sh", "-c", "echo $$ > new; mv new pid; sleep 600"]).evaluate({})
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=False).returncode == -9
    until_gone(int(written(tmp_path / "pid")))


def test_misuse_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("no first line")
    (tmp_path / "script").chmod(0o755)
    cases: list[tuple[Any, str]] = [
        ("no-such-program-at-all", "'no-such-program-at-all' cannot be run"),
        (str(tmp_path), "cannot be run"),
        (str(tmp_path / "script"), "a script needs a first line"),
        ("train {lerning_rate}", r"Did you mean \{learning_rate\}"),
        ("train {gamma}", r"--gamma=\{gamma\?\}"),
        ("", "not a program"),
        ([], "not a program"),
        (None, "not a program"),
        ([1], "not a program"),
        ("train 'open", "Close quotes"),
    ]
    for command, message in cases:
        with pytest.raises(StudyError, match=message):
            CommandEvaluator(command).evaluate({"learning_rate": 0.1})
    with pytest.raises(StudyError, match="not a folder"):
        CommandEvaluator("true", cwd=tmp_path / "nowhere")


@pytest.mark.long
def test_the_example_learns_better_with_a_better_rate() -> None:
    evaluator = CommandEvaluator([sys.executable, str(EXAMPLES / "train.py")], metric="error", timeout_s=60)
    good = evaluator.evaluate({"learning_rate": 0.3, "schedule": "cosine"})
    bad = evaluator.evaluate({"learning_rate": 1e-5})
    assert good.value < 0.06 < bad.value
    assert good.extra["train_loss"] < bad.extra["train_loss"]


FLAGS = [
    ("train.py", True, ["train.py", "--lr=0.1", "--amsgrad"]),
    ("train.py", False, ["train.py", "--lr=0.1"]),
    ("train.py {lr} {amsgrad}", True, ["train.py", "0.1", "--amsgrad"]),
    ("train.py {lr} {amsgrad}", False, ["train.py", "0.1"]),
    ("train.py --use-amsgrad={amsgrad} {lr}", True, ["train.py", "--use-amsgrad", "0.1"]),
    ("train.py --use-amsgrad={amsgrad} {lr}", False, ["train.py", "0.1"]),
]


@pytest.mark.parametrize(("command", "given", "words"), FLAGS)
def test_a_flag_is_an_option_that_stands_there_or_does_not(command: str, given: bool, words: list[str]) -> None:
    assert fill(command.split(), {"lr": 0.1, "amsgrad": given}, "", {"amsgrad"}) == words


@pytest.mark.parametrize("name", ["optimiser.lr", "weight-decay", "lrr"])
def test_a_placeholder_that_names_nothing_is_refused_whatever_its_spelling(name: str) -> None:
    with pytest.raises(StudyError, match="which this configuration does not have"):
        fill(["train.py", f"--x={{{name}}}"], {"lr": 0.1}, "")
    assert fill(["train.py", '{"a": 1}'], {"lr": 0.1}, "") == ["train.py", '{"a": 1}', "--lr=0.1"]


@pytest.mark.parametrize("word", ["{lr:.3f}", "{lr!r}", "{ lr }", "--x={lr[0]}", "${lr}"])
def test_a_placeholder_as_another_language_writes_it_is_refused(word: str) -> None:
    with pytest.raises(StudyError, match=r"[Ww]rite \{lr\}"):
        fill(["train.py", word], {"lr": 0.1}, "")
    assert fill(["awk", "{print $1}"], {"lr": 0.1}, "") == ["awk", "{print $1}", "--lr=0.1"]


@pytest.mark.parametrize(
    "line",
    [
        "a {x} | tee log",
        "cd b && a",
        "a > log",
        "a >>log 2>&1",
        "a &",
        "a ; b",
        "a $(nproc)",
        "a --n=`nproc`",
        "~/a",
        "A=1 a",
    ],
)
def test_a_line_for_a_shell_is_refused_and_not_handed_over_as_arguments(line: str) -> None:
    with pytest.raises(StudyError, match="only a shell understands"):
        CommandEvaluator(line)
    CommandEvaluator(line.split())
    CommandEvaluator(f"sh -c {shlex.quote(line)}")
    CommandEvaluator("python a.py --query='x | y' --at=http://h/?a=1&b=2 --like=a>=3 --json={\"a\":1} $HOME")


def test_colours_do_not_hide_the_metric() -> None:
    code = "print('\\x1b[1;32mloss:\\x1b[0m \\x1b[33m0.25\\x1b[0m')"
    assert CommandEvaluator([sys.executable, "-c", code], metric="loss").evaluate({}).value == 0.25


def test_dotted_names_are_placeholders() -> None:
    assert fill(["train.py", "--x={optimiser.lr}"], {"optimiser.lr": 0.1}, "") == ["train.py", "--x=0.1"]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("validation error: 0.0526", 0.0526),
        ("Validation_Error = 5.26%", 5.26),
        ("epoch 3, validation error 1e-3", 1e-3),
    ],
)
def test_a_last_line_that_says_the_metric_by_its_name(line: str, value: float) -> None:
    spellings: list[dict[str, Any]] = [{"metric": "validation error"}, {"names": ["validation error"]}]
    for named in spellings:
        evaluator = CommandEvaluator([sys.executable, "-c", f"print('begins'); print({line!r})"], **named)
        assert evaluator.evaluate({}).value == value
    with pytest.raises(TrialFailed, match="NaN"):
        CommandEvaluator([sys.executable, "-c", "print('loss: nan')"], metric="loss").evaluate({})


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("validation error: 5.26%", 'pattern: "validation error: {value}".'),
        ("epoch 10 val_acc=0.93", 'pattern: "epoch * val_acc={value}".'),
        ('{"accuracy": 0.9, "note": "x"}', "Its JSON has accuracy, and not value: name one of them as metric"),
        ("done", 'or let evaluate in the study file name the line: pattern: "value: {value}"'),
    ],
)
def test_a_metric_that_was_not_told_comes_with_the_line_that_tells_it(printed: str, words: str) -> None:
    with pytest.raises(TrialFailed, match="told no metric") as failed:
        CommandEvaluator([sys.executable, "-c", f"print({printed!r})"]).evaluate({})
    assert words in str(failed.value)
    if "* " in words or "validation" in words:  # what it says is true
        pattern = words.split('"')[1]
        told = CommandEvaluator([sys.executable, "-c", f"print({printed!r})"], pattern=pattern).evaluate({})
        assert told.value in (5.26, 0.93)


def test_a_traceback_tells_what_was_raised_before_all_else() -> None:
    program = "raise MemoryError('out of memory with learning rate 0.607')"
    with pytest.raises(TrialFailed) as failed:
        CommandEvaluator([sys.executable, "-c", program]).evaluate({})
    said = str(failed.value)
    assert said.startswith(
        "The command ended with exit code 1: MemoryError: out of memory with learning rate 0.607. Its "
    )
    assert brief_remark("error", said) == "exit code 1: MemoryError: out of memory with learning rate 0.607."
    assert brief_remark("fallback", "no reply") == "fallback: no reply"
