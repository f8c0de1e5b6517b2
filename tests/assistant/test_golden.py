"""The paper's two questions, word by word: what is sent, and what follows from it (`tests/golden/assistant-*.txt`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.talks import said, study, talk
from tunewise.assistant.sources import read_log, read_script
from tunewise.assistant.subject import Subject
from tunewise.llm.base import ChatRequest

NAN = "My loss is NaN after a few steps. I use Adam with a learning rate of 0.1. What is wrong?"
LOW = "The accuracy of my model is low. Which hyperparameters should I tune?"
LOG = """epoch 1: loss: 2.31 val_loss: 2.35 accuracy: 0.11 val_accuracy: 0.10
epoch 2: loss: 0.61 val_loss: 0.94 accuracy: 0.81 val_accuracy: 0.66
epoch 3: loss: 0.05 val_loss: 1.52 accuracy: 0.99 val_accuracy: 0.71
"""
SCRIPT = """import torch
class Net(torch.nn.Module):
    pass
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
"""
Golden = Callable[[str, str], None]


def dialogue(requests: list[ChatRequest]) -> str:
    """Everything that was sent last."""
    return "\n".join(f"=== {m.role}\n{m.content}" for m in requests[-1].messages)


@pytest.fixture
def files(tmp_path: Path) -> Subject:
    """A log that shows overfitting and the script that wrote it."""
    (tmp_path / "train.log").write_text(LOG)
    (tmp_path / "train.py").write_text(SCRIPT)
    return Subject(logs=(read_log(str(tmp_path / "train.log")),), scripts=(read_script(str(tmp_path / "train.py")),))


def test_a_loss_that_is_nan_is_answered_at_once(golden: Golden) -> None:
    conversation, model = talk(["Lower the learning rate to 0.001. [general]"], tools=False)
    assert said(conversation, NAN) == "Lower the learning rate to 0.001. [general]"
    golden("assistant-nan", dialogue(model.requests))
    rules = model.requests[0].messages[0].content
    assert "- optimizer: Adam [user]\n- learning rate: 0.1 [user]\n" in rules
    assert "divergence: NaN" in rules
    assert "hangs on" not in rules
    assert "Do not assume a neural network" in rules


def test_low_accuracy_leads_to_a_question_back(golden: Golden) -> None:
    question = "Which model do you train, with which framework, and what are training and validation accuracy?"
    conversation, model = talk([question, "Raise C. [general]"], tools=False)
    assert said(conversation, LOW) == question
    golden("assistant-low", dialogue(model.requests))
    assert (
        "hangs on facts that are not known: which model is trained; with which framework or library; the metric on the "
        "training data; the metric on validation data. Ask for exactly these first"
    ) in model.requests[0].messages[0].content
    answer = "A random forest in scikit-learn, training accuracy 99 %, validation accuracy 71 %."
    assert said(conversation, answer) == "Raise C. [general]"
    golden("assistant-low-answered", dialogue(model.requests))
    rules = model.requests[1].messages[0].content
    assert "hangs on" not in rules
    assert "- fit: looks like overfitting: accuracy 99% in training against accuracy 71% in validation [user]" in rules


def test_with_a_study_nothing_is_asked_that_it_says(golden: Golden) -> None:
    conversation, model = talk(["What is the training error of trial 1?"], Subject(study()), tools=False)
    said(conversation, LOW)
    golden("assistant-low-study", dialogue(model.requests))
    rules, data = (message.content for message in model.requests[0].messages)
    assert "hangs on facts that are not known: the metric on the training data. Ask" in rules
    for fact in ("model: support vector classifier [study]", "framework: scikit-learn 1.9 [study]",
                 "validation metric: validation error 0.125 at best [trial 1]"):  # fmt: skip
        assert fact in rules
    assert 'trial 1. {"C": 12, "gamma": 0.01, "cache": 200} -> validation error = 1.2500e-01 (best)' in data
    assert "trial 2, 5: MemoryError: out of memory" in data


def test_with_a_log_and_a_script_nothing_is_asked_at_all(golden: Golden, files: Subject) -> None:
    conversation, model = talk(["It overfits [log 3]."], files)
    assert said(conversation, LOW) == "It overfits [log 3]."
    golden("assistant-low-files", dialogue(model.requests))
    rules = model.requests[0].messages[0].content
    assert "hangs on" not in rules
    for fact in ("model: neural network Net [script 2]", "framework: torch [script 1]", "optimizer: SGD [script 4]",
                 "learning rate: 0.01 [script 4]", "training metric: accuracy 0.99 [log 3]",
                 "validation metric: accuracy 0.71 [log 3]", "fit: looks like overfitting"):  # fmt: skip
        assert fact in rules


def test_no_golden_file_is_left_over() -> None:
    golden = Path(__file__).parents[1] / "golden"
    names = ("nan", "low", "low-answered", "low-study", "low-files")
    assert {f.stem for f in golden.glob("assistant-*")} == {f"assistant-{name}" for name in names}
