"""Every command as a user meets it: help, errors in a paragraph, exit codes, hostile texts, pipes."""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from support.forms import in_short
from support.waiting import PATIENCE_S, until
from support.whole_paths import (
    OBJECTIVE,
    SPACE,
    InProcess,
    Ran,
    answering,
    assert_paragraph,
    command,
    nth,
    run,
    space,
    start,
    write_study,
)
from tunewise.errors import BudgetReached, ModelUnusable, ObjectiveFailed
from tunewise.llm.scripted import ScriptedModel
from tunewise.study.storage import open_storage
from tunewise.study.tune import tune
from tunewise.task import Task
from tunewise.testing.server import FaultServer, hang, reply

COMMANDS = ["tune", "show", "prompt", "ask", "tell", "report", "models", "generate", "export"]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
"""Characters that command a terminal."""


def strictly(text: str) -> Any:
    """Read JSON as its standard has it: without NaN."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A study file that needs no model."""
    return write_study(tmp_path, objective=OBJECTIVE, proposer="random", n_trials=3)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples(name: str, cli: InProcess) -> None:
    shown = cli(name, "--help")
    assert shown.code == 0
    assert shown.err == ""
    assert f"tunewise {name}" in shown.out.partition("Examples")[2]
    assert max(map(len, shown.out.splitlines())) <= 80


def test_help_of_the_whole_and_the_version(cli: InProcess) -> None:
    shown = cli("-h")
    assert shown.code == 0
    assert all(name in shown.out for name in [*COMMANDS, "Exit codes"])
    assert re.fullmatch(r"tunewise \d+\.\d+\.\d+\n", cli("--version").out)
    for wrong in (("frob",), ("tune",), ("tune", "x.yaml", "--n-trials", "0"), ("tune", "x.yaml", "--proposer", "x")):
        ended = cli(*wrong)
        assert ended.code == 2, ended
        assert "Traceback" not in ended.err


class Impatient:
    """Ctrl-C while the command line is loaded."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "tunewise.cli.app":
            raise KeyboardInterrupt


def test_ctrl_c_while_the_command_is_loaded_is_one_line(cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tunewise.cli.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Impatient(), *sys.meta_path])
    ended = cli("show", "study.yaml")
    assert (ended.code, ended.err) == (130, "tunewise: interrupted.\n")


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        *(("show", LONG), ("report", LONG), ("tune", f"{LONG}.yaml"), ("tune", "study.yaml", "--storage", LONG)),
        *(("report", "study.yaml", "-o", f"{LONG}.html"), ("convert", LONG)),
        ("dashboard", LONG),
    ],
)
def test_a_name_that_no_file_can_have_is_told(
    words: tuple[str, ...], plain: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plain.parent)
    ended = cli(*words)
    assert ended.code == 2, ended
    assert "Traceback" not in ended.err
    assert LONG in ended.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_trails": 3}, ["'n_trails' is unknown", "Did you mean n_trials?"]),
        ({"trials": 3}, ["'trials' is called n_trials here"]),
        ({"workers": 3}, ["'workers' is called n_jobs here"]),
        ({"name": "x"}, ["'name' is called study_name here"]),
        ({"task": {"metrik": "x"}}, ["'task.metrik'", "Did you mean metric?"]),
        ({"task": {"data": {"row": 3}}}, ["'task.data.row'", "Did you mean rows?"]),
        ({"model": {"name": "m", "bse_url": "y"}}, ["'model.bse_url'", "Did you mean base_url?"]),
        ({"model": {"base_url": "http://127.0.0.1:1/v1"}}, ["'model.name' is missing", "It needs name."]),
        ({"caps": {"max_call": 3}}, ["'caps.max_call'", "Did you mean max_calls?"]),
        ({"colour": 3}, ["'colour'", "The keys are study_name, task, space"]),
        ({"path": "x"}, ["'path' is unknown"]),
        ({"evaluate": {}}, ["exactly one of command, python and estimator", "It has none"]),
        ({"evaluate": {"command": "x", "python": "y:z"}}, ["exactly one of", "It has command and python."]),
        ({"evaluate": {"comand": "x"}}, ["Did you mean command?"]),
        ({"evaluate": 3}, ["evaluate = 3 is not a mapping"]),
        ({"evaluate": {"estimator": "sklearn.svm.SVC"}}, ["'evaluate.data' is missing", "It needs estimator, data."]),
        ({"evaluate": {"estimator": "sklearn.svm.SVCC", "data": "iris"}}, ["Did you mean SVC?"]),
        ({"evaluate": {"estimator": "sklearn.svm.SVC", "data": {"csv": "no.csv", "target": "y"}}}, ["no.csv"]),
        ({"evaluate": {"python": "objectiv.py:objective"}}, ["There is no file", "Did you mean objective.py?"]),
        ({"evaluate": {"python": "objective.py:objectiv"}}, ["Did you mean objective?"]),
        ({"evaluate": {"python": "objective.py:objective", "timeout_s": 0}}, ["evaluate.timeout_s = 0"]),
        ({"evaluate": {"command": "/no/such/program"}}, ["/no/such/program", "cannot be run"]),
        ({"evaluate": {"command": "echo {D}"}}, ["{D}"]),
        ({"evaluate": {"command": "echo 'x"}}, ["Close quotes"]),
        ({"space": None}, ["space"]),
        ({"space": 3}, ["space = 3 is not a mapping"]),
        ({"space": {}}, ["is empty"]),
        ({"space": {"C": {"type": "flaot", "low": 0, "high": 1}}}, ["C", "flaot"]),
        ({"space": {"C": {"type": "float", "low": 5, "high": 1}}}, ["low = 5 is above high = 1"]),
        ({"n_trials": "many"}, ["n_trials = many"]),
        ({"n_trials": 0}, ["n_trials = 0", "greater than 0"]),
        ({"n_trials": 1.5}, ["n_trials = 1.5"]),
        ({"n_trials": True}, ["n_trials is true or false, where a number belongs"]),
        ({"caps": {"max_calls": True}}, ["caps.max_calls is true or false"]),
        ({"storage": " "}, ["'storage' is empty"]),
        ({"n_trials": 10**400}, ["n_trials = an integer of 1329 bits", "less than"]),
        ({"n_jobs": -1}, ["n_jobs = -1"]),
        ({"seed": -1}, ["seed = -1"]),
        ({"proposer": "tpe"}, ["proposer = 'tpe'", "random"]),
        ({"task": {"direction": "up"}}, ["task.direction = up"]),
        ({"reasoning": "maybe"}, ["reasoning = maybe"]),
        ({"study_name": 5}, ["study_name = 5"]),
        ({"storage": "nosuch://x"}, ["nosuch://x cannot be opened"]),
        ({"storage": "study.yaml"}, ["study.yaml cannot be opened as a study"]),
        ({"proposer": "chat", "model": "embeded"}, ["Did you mean 'embedded'?"]),
        ({"proposer": "chat", "model": {"name": "m", "threads": 2}}, ["threads cannot be set"]),
        ({"proposer": "chat"}, ["No model was given"]),
    ],
)
def test_what_is_wrong_in_a_study_file_is_said(
    change: dict[str, Any], words: list[str], plain: Path, cli: InProcess
) -> None:
    data = yaml.safe_load(plain.read_text()) | change
    plain.write_text(yaml.safe_dump({key: value for key, value in data.items() if value is not None}))
    before = plain.read_bytes()
    assert_paragraph(cli("tune", plain, "-q"), 2, *words)
    assert plain.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "word"),
    [(b"- 1", "not a mapping"), (b"", "not a mapping"), (b"a: [", "not YAML"), (b"\xff\xfe", "not YAML")],
)
def test_what_is_no_study_file(text: bytes, word: str, tmp_path: Path, cli: InProcess) -> None:
    (tmp_path / "x.yaml").write_bytes(text)
    for name in ("tune", "prompt", "ask", "show", "tell"):
        more = ("--trial", 0, "--value", 1) if name == "tell" else ()
        assert_paragraph(cli(name, tmp_path / "x.yaml", *more), 2, "x.yaml", word)
    assert_paragraph(cli("tune", tmp_path / "nowhere.yaml"), 2, "cannot be read")
    assert_paragraph(cli("tune", tmp_path), 2, "cannot be read")


def test_nothing_to_show(plain: Path, cli: InProcess) -> None:
    assert_paragraph(cli("show", plain), 2, "study.journal does not exist")
    database = plain.parent / "new.db"
    assert_paragraph(cli("show", f"sqlite:///{database}"), 2, "does not exist")
    assert not database.exists()
    optuna.create_study(study_name="study", storage=f"sqlite:///{database}")
    assert_paragraph(cli("show", f"sqlite:///{database}", "--study-name", "x"), 2, "has no study 'x'", "studies: study")
    empty = cli("show", f"sqlite:///{database}")
    assert empty.code == 0
    assert "No trial has finished yet." in empty.out
    read = strictly(cli("show", f"sqlite:///{database}", "--json").out)
    assert (read["best"], read["trials"], read["calls"]) == (None, [], 0)
    optuna.create_study(study_name="other", storage=f"sqlite:///{database}")
    assert_paragraph(cli("show", f"sqlite:///{database}"), 2, "several studies", "study, other")


HOSTILE = "[/] [red]x[/red] [link=http://x.example]y[/link] \x1b]0;title\x07 \x1b[2J \x9b31m \x08\x7f \u202eabc"


def hostile_objective(configuration: dict[str, Any]) -> dict[str, float]:
    if configuration["C"] > 2:
        raise ValueError(HOSTILE)
    return {"value": configuration["C"], "nan": float("nan"), "inf": float("-inf")}


def test_hostile_texts_do_not_reach_the_terminal(tmp_path: Path, cli: InProcess) -> None:
    key = "[red]k[/] \x1b[31m"
    hostile_space: dict[str, Any] = {
        "C": SPACE["C"],
        key: {"type": "categorical", "choices": ["[/]", "\x1b[31mred", "a\x9b31mb", "\u202eabc"]},
    }
    replies = [
        HOSTILE + " so " + json.dumps({"C": 1.0 + k, key: choice})
        for k, choice in enumerate(hostile_space[key]["choices"])
    ]
    model = ScriptedModel([*replies, HOSTILE, HOSTILE, HOSTILE, HOSTILE])
    task = Task(metric=f"[blink]m {HOSTILE}")
    tune(
        hostile_objective,
        hostile_space,
        model=model,
        n_trials=5,
        storage=tmp_path / "x.journal",
        task=task,
        proposer="compressed",
    )
    shown = cli("show", tmp_path / "x.journal")
    assert shown.code == 0
    assert not CONTROL.search(shown.out), shown.out
    words = " ".join(shown.out.split())
    assert "[red]x[/red]" in words  # told as it is, not swallowed as markup
    assert "[red]k[/]" in words
    printed = cli("show", tmp_path / "x.journal", "--json").out
    assert not CONTROL.search(printed)
    read = strictly(printed)
    assert read["metric"] == task.metric
    assert read["trials"][0]["extra"] == {"nan": None, "inf": None}
    assert HOSTILE[:20] in read["trials"][3]["error"]
    assert read["fallbacks"] == [4]


def test_hostile_texts_while_it_runs(tmp_path: Path, cli: InProcess) -> None:
    source = f"def objective(c):\n    if c['n'] == 1: raise ValueError({HOSTILE!r})\n    return 1.0\n"
    with FaultServer([reply(HOSTILE + json.dumps(nth(k))) for k in range(2)], then=reply(HOSTILE)) as server:
        file = write_study(
            tmp_path,
            objective=source,
            n_trials=3,
            model={"name": "hostile", "base_url": server.base_url},
            task={"metric": "[/] \x1b[31mloss"},
        )
        ran = cli("tune", file)
        prompted = cli("prompt", file)
        listed = cli("models", "--base-url", server.base_url)
        said = cli("models", "hostile", "--base-url", server.base_url)
    assert ran.code == prompted.code == listed.code == said.code == 0, ran
    for output in (ran, prompted, said):
        assert not CONTROL.search(output.out + output.err), output
    assert "[red]x[/red]" in ran.err
    assert listed.out == "test-model\n"


def test_a_server_s_words_in_an_error_are_tame(tmp_path: Path, cli: InProcess) -> None:
    from tunewise.testing.server import status

    with FaultServer(then=status(404, HOSTILE)) as server:
        file = write_study(tmp_path, objective=OBJECTIVE, model={"name": "rude", "base_url": server.base_url})
        ended = cli("tune", file, "-q")
    assert_paragraph(ended, 4, "HTTP 404")
    assert not CONTROL.search(ended.out + ended.err)


def many(folder: Path, n: int) -> Path:
    """A journal of n trials."""
    path = folder / "many.journal"
    study = optuna.create_study(study_name="many", storage=open_storage(path))
    distributions = space().distributions
    for k in range(n):
        configuration = {"C": 1 + k / 100, "n": 1 + k % 60}
        study.add_trial(optuna.trial.create_trial(params=configuration, distributions=distributions, value=k))
    return path


def test_a_thousand_trials(tmp_path: Path, cli: InProcess) -> None:
    path = many(tmp_path, 1000)
    shown = cli("show", path, "--all")
    assert shown.code == 0
    assert "999" in shown.out
    assert max(map(len, shown.out.splitlines()[:1000])) <= 80
    assert len(strictly(cli("show", path, "--json").out)["trials"]) == 1000


def test_values_that_only_optuna_allows_are_strict_json(tmp_path: Path, cli: InProcess) -> None:
    study = optuna.create_study(study_name="inf", storage=f"sqlite:///{tmp_path}/inf.db")
    study.add_trial(optuna.trial.create_trial(params={}, distributions={}, value=float("inf")))
    study.enqueue_trial({"x": float("nan")})
    shown = strictly(cli("show", f"sqlite:///{tmp_path}/inf.db", "--json").out)
    assert shown["best"] is None
    assert shown["trials"][0]["error"] == "its value is inf, which is no result"
    assert cli("show", f"sqlite:///{tmp_path}/inf.db").code == 0


@pytest.mark.parametrize("proposer", in_short(["compressed"], ["compressed", "chat"]))
@pytest.mark.parametrize("reasoning", in_short([True], [False, True]))
def test_prompt_sends_nothing_and_is_what_is_sent(
    proposer: str, reasoning: bool, tmp_path: Path, cli: InProcess
) -> None:
    def wrapped(k: int) -> dict[str, Any]:
        return {"analysis": "small C", "configuration": nth(k)} if reasoning else nth(k)

    with FaultServer(then=answering(wrapped)) as server:
        parts: dict[str, Any] = {
            "evaluate": {"command": "true"},
            "n_trials": 4,
            "model": {"name": "prompted", "base_url": server.base_url},
            "task": {"model": "a \N{GREEK SMALL LETTER BETA}-machine", "facts": ["Fast."]},
        }
        file = write_study(tmp_path, **parts, proposer=proposer, reasoning=reasoning)
        options = ("--proposer", proposer, "--reasoning" if reasoning else "--no-reasoning")
        for k in range(4):
            kept = (tmp_path / "study.journal").read_bytes() if k else b""
            shown, request = cli("prompt", file), strictly(cli("prompt", file, "--json").out)
            assert cli("prompt", file, *options).out == shown.out
            assert shown.code == 0
            assert len(server.received) == k
            assert not k or (tmp_path / "study.journal").read_bytes() == kept
            assert strictly(cli("ask", file).out)["configuration"] == nth(k)
            sent = server.received[k].json
            assert sent["messages"] == request["messages"]
            assert sent["response_format"]["json_schema"]["schema"] == request["schema"]
            assert sent["temperature"] == request["temperature"]
            assert sent["seed"] == request["seed"]
            for message in sent["messages"]:
                assert f"--- {message['role']} ---\n{message['content']}\n" in shown.out
            told = ("--error", "two is odd") if k == 1 else ("--value", k)
            assert cli("tell", file, "--trial", k, *told).code == 0
    assert "This is the last try." in sent["messages"][-1]["content"]
    assert "two is odd" in str(sent["messages"])


def test_prompt_of_random_search_and_of_a_new_storage(plain: Path, cli: InProcess) -> None:
    nothing = cli("prompt", plain)
    assert (nothing.code, nothing.out) == (0, "")
    assert "asks no model" in nothing.err
    for storage in ("sqlite:///" + str(plain.parent / "new.db"), "new.journal"):
        plain.write_text(yaml.safe_dump(yaml.safe_load(plain.read_text()) | {"storage": storage}))
        assert "Give the first configuration" in cli("prompt", plain, "--proposer", "compressed").out
    assert {path.name for path in plain.parent.iterdir()} <= {"study.yaml", "objective.py", "__pycache__"}


@pytest.mark.long
def test_ask_and_tell_in_any_order(plain: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (strictly(cli("ask", plain).out) for _ in range(2))
    assert (first["trial"], second["trial"]) == (0, 1)
    assert first["configuration"] != second["configuration"]
    assert first["source"] == "random"
    told = cli("tell", plain, "--trial", 1, "--value", 0.25)
    assert strictly(told.out) == {
        "trial": 1,
        "state": "finished",
        "best": {"trial": 1, "value": 0.25, "configuration": second["configuration"]},
    }
    assert_paragraph(cli("tell", plain, "--trial", 1, "--value", 0.2), 2, "finished with 0.25", "told once")
    assert_paragraph(cli("tell", plain, "--trial", 9, "--value", 0.2), 2, "no trial 9", "has 2")
    assert_paragraph(cli("tell", plain, "--trial", 0), 2, "value or error")
    assert_paragraph(cli("tell", plain, "--value", 1), 2, "is not a result")
    for value in ("nan", "inf", "-inf", "1e999"):
        assert_paragraph(cli("tell", plain, "--trial=0", f"--value={value}"), 2, "not a finite number")
    assert strictly(cli("show", plain, "--json").out)["trials"][0]["state"] == "running"
    assert strictly(cli("tell", plain, "--trial", 0, "--error", HOSTILE).out)["state"] == "failed"
    assert strictly(cli("show", plain, "--json").out)["trials"][0]["error"] == HOSTILE
    assert cli("tune", plain, "-q").code == 0  # and the rest by tunewise
    assert [t["state"] for t in strictly(cli("show", plain, "--json").out)["trials"]] == ["failed", *["finished"] * 2]


@pytest.mark.parametrize(
    "report",
    [
        "",
        "not json",
        "[]",
        "3",
        "{}",
        '{"trial": 0}',
        '{"trial": "0", "value": 1}',
        '{"trial": true, "value": 1}',
        '{"trial": -1, "value": 1}',
        '{"trial": 0, "value": NaN}',
        '{"trial": 0, "value": "1"}',
        '{"trial": 0, "value": null}',
        '{"trial": 0, "value": 1, "error": "x"}',
        '{"trial": 0, "value": 1, "more": 2}',
        '{"trial": 0, "value": 1' + "0" * 400 + "}",
        "[" * 100_000,
    ],
)
def test_reports_that_are_none(report: str, plain: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    assert cli("ask", plain).code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(report))
    ended = cli("tell", plain)
    assert_paragraph(ended, 2)
    assert len(ended.err) < 500
    monkeypatch.setattr("sys.stdin", io.StringIO('{"trial": 0, "value": 1}'))
    assert cli("tell", plain).code == 0


@pytest.mark.long
def test_what_tune_evaluates_is_not_told(tmp_path: Path, cli: InProcess) -> None:
    wait = "import os, time\ndef objective(c):\n    while not os.path.exists('go'): time.sleep(0.01)\n    return 1.0\n"
    file = write_study(
        tmp_path, objective=wait.replace("'go'", repr(str(tmp_path / "go"))), proposer="random", n_trials=1
    )
    process = start("tune", file, "-q")
    until(lambda: "running" in cli("show", file).out)
    assert_paragraph(cli("tell", file, "--trial", 0, "--value", 2), 2, "Trial 0 was not asked for")
    (tmp_path / "go").touch()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert strictly(cli("show", file, "--json").out)["best"]["value"] == 1.0


@pytest.mark.long
def test_a_terminal_that_cannot_show_everything(tmp_path: Path) -> None:
    model = ScriptedModel(["because \N{GREEK SMALL LETTER GAMMA} \ud800 \x1b \N{GRINNING FACE} " + json.dumps(nth(0))])
    tune(
        hostile_objective,
        space(),
        model=model,
        n_trials=1,
        storage=tmp_path / "x.journal",
        task=Task(metric="\u03b3"),
        proposer="compressed",
    )
    for encoding in ("ascii", "latin-1", "utf-8"):
        shown = run("show", tmp_path / "x.journal", PYTHONIOENCODING=encoding)
        assert shown.code == 0, shown
        assert "because" in shown.out


def test_tune_leaves_alone_what_was_asked_for(plain: Path, cli: InProcess) -> None:
    asked = strictly(cli("ask", plain).out)
    assert cli("tune", plain, "-q").code == 0
    trials = strictly(cli("show", plain, "--json").out)["trials"]
    assert [t["state"] for t in trials] == ["running", "finished", "finished", "finished"]
    assert strictly(cli("tell", plain, "--trial", asked["trial"], "--value", -1).out)["best"]["trial"] == 0


def test_an_ask_that_fails_is_asked_again(tmp_path: Path, cli: InProcess) -> None:
    from tunewise.testing.server import status

    with FaultServer([status(404)] * 3, then=answering()) as server:  # the first is asked again, without a schema
        file = write_study(tmp_path, objective=OBJECTIVE, model={"name": "asked", "base_url": server.base_url})
        assert_paragraph(cli("ask", file), 4, "HTTP 404")
        waiting = cli("show", file).out
        assert "waiting" in waiting
        assert "unknown" not in waiting.partition("No trial")[0]
        assert strictly(cli("ask", file).out)["trial"] == 0


@pytest.mark.long
def test_models_embedded_answers(cli: InProcess) -> None:
    said = cli("models", "embedded")
    assert said.code == 0, said
    assert "(embedded): it costs nothing" in said.out
    assert re.search(r"It answers, as .*\(embedded\), in \d+\.\d s: ['\"].+['\"]", said.out)
    assert_paragraph(cli("models", "embeded"), 2, "Did you mean 'embedded'?")
    assert_paragraph(cli("models", "embedded:/no/such.gguf"), 4, "/no/such.gguf")


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_table_fits_the_terminal(columns: int, plain: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("tune", plain, "-q").code == 0
    monkeypatch.setenv("COLUMNS", str(columns))
    table = cli("show", plain).out.partition("Best:")[0]
    assert " C " in table.splitlines()[0]  # hyperparameters have columns as far as they fit
    assert max(map(len, table.splitlines())) <= max(columns, 60)


def test_exit_codes_of_errors() -> None:
    from tunewise.cli.app import exit_code

    assert [exit_code(error("x")) for error in (BudgetReached, ModelUnusable, ObjectiveFailed)] == [3, 4, 5]


def test_ctrl_c_while_a_model_is_asked(tmp_path: Path) -> None:
    with FaultServer([hang()], then=answering()) as server:
        file = write_study(tmp_path, objective=OBJECTIVE, model={"name": "slow", "base_url": server.base_url})
        process = start("ask", file)
        until(lambda: server.received)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130
        assert "Traceback" not in err
        again = run("ask", file)
        assert again.code == 0, again
        assert strictly(again.out)["trial"] == 0


@pytest.mark.long
def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    words, environment = command("show", many(tmp_path, 1500))
    for more in ([], ["--json"]):
        with subprocess.Popen(
            [*words, *more], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait() in (0, 1, 141)


def test_the_result_goes_to_standard_output_and_progress_to_standard_error(plain: Path, cli: InProcess) -> None:
    ran = cli("tune", plain)
    assert ran.code == 0
    assert "new best" in ran.err
    assert "new best" not in ran.out
    best = next(line for line in cli("show", plain).out.splitlines() if line.startswith("Best:"))
    closing = ran.out.strip().splitlines()
    assert closing[0] == best
    assert len(closing) == 5
    quiet = cli("tune", plain, "-q")
    assert quiet.err == ""
    assert max(map(len, cli("show", plain).out.split("Best:")[0].splitlines())) <= 80


def test_show_of_several_objectives_names_the_front(tmp_path: Path, cli: InProcess) -> None:
    journal = tmp_path / "two.journal"
    study = optuna.create_study(storage=open_storage(journal), directions=["minimize", "maximize"], study_name="two")
    for values in ((0.3, 0.3), (0.6, 0.6), (0.5, 0.0), (0.9, 0.9)):
        study.tell(study.ask(), values)
    shown = cli("show", journal)
    assert shown.code == 0
    assert "The study has 2 objectives." in shown.out
    assert "no other beats 3 in everything (trial 0, 1, 3)" in " ".join(shown.out.split())
    front = json.loads(cli("show", journal, "--json").out)["front"]
    assert [entry["trial"] for entry in front["trials"]] == [0, 1, 3]
    assert [objective["direction"] for objective in front["objectives"]] == ["minimize", "maximize"]


def test_show_of_a_long_study_is_the_best_unless_all_are_asked_for(tmp_path: Path, cli: InProcess) -> None:
    journal = tmp_path / "long.journal"
    study = optuna.create_study(storage=open_storage(journal))
    study.add_trials([optuna.trial.create_trial(value=float(k)) for k in reversed(range(203))])
    ran = cli("show", journal)
    assert "3 more trials are worse or without a value (--all shows them)" in ran.out
    assert len(re.findall(r"^ *\d+ {2,}\d", ran.out, re.MULTILINE)) == 200
    assert len(re.findall(r"^ *\d+ {2,}\d", cli("show", journal, "--all").out, re.MULTILINE)) == 203


def test_show_of_a_damaged_study_says_what_was_left_out(tmp_path: Path, cli: InProcess) -> None:
    journal = tmp_path / "odd.journal"
    study = optuna.create_study(storage=open_storage(journal), study_name="odd")
    study.set_user_attr("tunewise:study", {"space": 3, "task": ["x"]})

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_categorical("x", [None, "a"])
        for key in ("proposal", "result"):
            trial.set_user_attr(f"tunewise:{key}", [["no mapping"], {"repairs": 3, "seconds": "x"}][trial.number % 2])
        if trial.number == 4:
            trial.set_user_attr("tunewise:result", {"seconds": math.nan})
        trial.storage.set_trial_system_attr(trial._trial_id, "tunewise:call:0", {"key": [1]})
        return [0.5, math.inf, -math.inf, math.nan, 0.25][trial.number]

    study.optimize(objective, n_trials=5)
    shown = cli("show", journal)
    assert shown.code == 0, shown
    assert "Best: value 0.25 in trial 4" in shown.out
    assert "What tunewise:study says about the study is damaged and was left out." in shown.out
    assert "its value is inf, which is no result" in " ".join(shown.out.split())
    json.loads(cli("show", journal, "--json").out, parse_constant=lambda word: pytest.fail(word))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
def test_an_output_that_takes_no_more_is_an_error_in_a_sentence() -> None:
    words, environment = command("--version")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False
        )
    assert_paragraph(Ran(done.returncode, "", done.stderr), 2, "output", "No space left on device")
    assert done.stderr.count("\n") == 1  # nor does Python complain at the end
