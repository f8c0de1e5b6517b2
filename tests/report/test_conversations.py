"""Conversations in the report: escaped, masked, bounded, each answer with what it cites and what it cost."""

from __future__ import annotations

import json
import re
from typing import Any

import optuna
import pytest

from support.report_pages import Page, assert_inert
from support.talks import said, study, talk, wants
from tunewise import attributes
from tunewise.assistant.conversation import Conversation
from tunewise.assistant.subject import Subject
from tunewise.errors import ModelUnavailable
from tunewise.llm.base import ChatReply
from tunewise.llm.ledger import Ledger
from tunewise.llm.prices import Price
from tunewise.llm.scripted import ScriptedModel
from tunewise.report import FORMATS, Format, report
from tunewise.report.conversations import MAX_BYTES

EVIL = "</pre></details><script>alert(1)</script>\x1b[31m\u202e"
SHOWN = "</pre></details><script>alert(1)</script>\ufffd"
PROPOSE = '{"configuration": {"C": 30.0, "gamma": 0.02, "cache": 200}, "reason": "between"}'


@pytest.fixture
def discussed() -> optuna.Study:
    """Two conversations: one with lookups, a price and a false citation, one with a proposal."""
    about = study()
    model = ScriptedModel([wants("best"), answered("Trial 1 is best [trial 1], unlike [trial 77]."), answered("Yes.")])
    model.calls_tools = True
    first = Conversation(Ledger(model, price=Price(1.0, 10.0)), Subject(about))
    said(first, f"Which is best? {EVIL}")
    said(first, "Really?")
    second, _ = talk([wants("propose_configuration", PROPOSE), "Shown. [general]"], Subject(about))
    said(second, "What next?")
    return about


def answered(text: str) -> ChatReply:
    """A reply with its size."""
    return ChatReply(text=text, model="m", input_tokens=1_000, output_tokens=100)


def test_questions_answers_citations_and_cost_are_shown(discussed: optuna.Study) -> None:
    made = Page(report(discussed))
    assert_inert(made)
    text = " ".join(made.text.split())
    assert f"Which is best? {SHOWN}" in text
    for fact in (
        "Trial 1 is best [trial 1], unlike [trial 77].",
        "Cites trial 1, 77.",
        "There is no trial 77.",
        "Looked up: best.",
        "2 calls; 1000 tokens read, 100 written; cost unknown, at least $0.0020.",
        "1 call; 1000 tokens read, 100 written; $0.0020.",
        "The user was shown this and did not say yes. Nothing was changed.",
        "2 questions, cost unknown, at least $0.0040: Which is best?",
    ):
        assert fact in text, fact
    headings = re.findall(r"<h3>(Question|Answer)</h3>", report(discussed))
    assert headings == ["Question", "Answer"] * 3


def test_every_format_tells_the_same_conversations(discussed: optuna.Study) -> None:
    first, second = json.loads(report(discussed, form="json"))["conversations"]
    assert [turn["answer"] for turn in first["turns"]] == ["Trial 1 is best [trial 1], unlike [trial 77].", "Yes."]
    assert first["turns"][0]["citations"] == {"trial": [1, 77]}
    assert (first["turns"][1]["calls"], first["turns"][1]["cost_usd"]) == (1, 0.002)
    assert second["turns"][0]["looked_up"] == []
    assert second["turns"][0]["decided"] == ["The user was shown this and did not say yes. Nothing was changed."]
    markdown = report(discussed, form="md")
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"<[^>]*>", outside) == ["<details>", "<summary>", "</summary>", "</details>"] * 2
    assert "Trial 1 is best [trial 1], unlike [trial 77].\n```" in markdown
    assert "\x1b" not in markdown


@pytest.mark.parametrize("form", FORMATS)
def test_without_a_conversation_there_is_no_section(form: Format) -> None:
    assert "onversations" not in report(study(), form=form)


@pytest.mark.parametrize("form", FORMATS)
def test_what_others_have_stored_is_masked(form: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "correct-horse-battery")
    about = study()
    secrets = "correct-horse-battery sk-abcdefghijklmnopqrstuvwx12"
    calls = [{"name": f"best {secrets}", "arguments": secrets, "id": "1"}]
    for number, message in enumerate(
        (
            {"role": "user", "content": f"Why? {secrets}"},
            {"role": "assistant", "content": f"So. {secrets}", "tool_calls": calls},
        )
    ):
        entry: Any = {"message": message, "at": f"now {secrets}"}
        about._storage.set_study_system_attr(about._study_id, f"{attributes.CHAT}x:{number:05d}", entry)
    text = report(about, form=form)
    assert "So. " in text
    assert "correct-horse" not in text
    assert "sk-abc" not in text


@pytest.mark.long
def test_long_conversations_are_bounded_and_the_latest_ones_stay() -> None:
    about = study()
    before, many = len(report(about).encode()), " ".join(f"<{k}>" for k in range(6_000))
    conversation, _ = talk([f"answer {k}. {many}" for k in range(15)], Subject(about))
    for k in range(15):
        said(conversation, f"question {k}? {'&' * 9_900}")
    page, markdown = report(about), report(about, form="md")
    assert len(page.encode()) - before < MAX_BYTES + 20_000
    assert "answer 14." in Page(page).text
    assert "answer 14." in markdown
    assert "answer 0." not in Page(page).text
    assert re.search(r"The first \d+ questions are left out", markdown)
    assert len(json.loads(report(about, form="json"))["conversations"][0]["turns"]) == 15


def test_a_call_that_failed_and_a_stopped_answer_are_told() -> None:
    about = study()
    conversation, _ = talk([ModelUnavailable("HTTP 503"), "one two three"], Subject(about))
    with pytest.raises(ModelUnavailable):
        said(conversation, "Why?")
    asking = conversation.ask("Again?")
    next(asking)
    asking.close()
    turns = json.loads(report(about, form="json"))["conversations"][0]["turns"]
    assert [(turn["answer"], turn["interrupted"], turn["calls"]) for turn in turns] == [
        ("(no answer)", True, 1),
        ("one ", True, 1),
    ]
    assert "The answer was stopped." in report(about)


def test_damaged_conversations_do_no_harm() -> None:
    about = study()
    conversation, _ = talk(["fine"], Subject(about))
    said(conversation, "Why?")
    for key, wrong in (
        (f"{attributes.CHAT}{conversation.id}:00001", 3),
        (f"{attributes.CHAT}other:0000x", {"message": {"role": "user", "content": "x"}, "at": "x"}),
        (f"{attributes.CHAT}third:00000", {"message": {"role": "assistant", "content": "x"}, "at": "x"}),
        (f"{attributes.CHAT_CALL}{conversation.id}:x", "no call"),
        (f"{attributes.CHAT_CALL}{conversation.id}:y", {"question": "first", "key": "k", "model": "m"}),
        (f"{attributes.CHAT_CALL}nowhere", None),
    ):
        about._storage.set_study_system_attr(about._study_id, key, wrong)  # type: ignore[arg-type]
    (shown,) = json.loads(report(about, form="json"))["conversations"]
    assert [(turn["question"], turn["answer"], turn["calls"]) for turn in shown["turns"]] == [("Why?", "", 1)]
    assert "What tunewise:chat-call:" in report(about)


def test_a_conversation_with_a_damaged_turn_goes_on_behind_its_last_one() -> None:
    about = study()
    conversation, _ = talk(["one", "two"], Subject(about))
    said(conversation, "first?")
    said(conversation, "second?")
    about._storage.set_study_system_attr(about._study_id, f"{attributes.CHAT}{conversation.id}:00001", 3)
    again, _ = talk(["three"], Subject(about), resume=conversation.id)
    said(again, "third?")
    turns = json.loads(report(about, form="json"))["conversations"][0]["turns"]
    assert [turn["answer"] for turn in turns] == ["", "two", "three"]
