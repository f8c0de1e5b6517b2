import io

import pytest

from tunewise.errors import ModelUnusable
from tunewise.llm.base import ChatModel, ChatRequest, Message
from tunewise.llm.manual import ManualModel

ASK = ChatRequest(messages=(Message("system", "Be brief."), Message("user", "Propose C.\x1b[2J")))


def paste(*lines: str) -> ManualModel:
    left = list(lines)

    def read() -> str:
        if not left:
            raise EOFError
        return left.pop(0)

    return ManualModel(read=read, write=lambda _: None)


def test_the_prompt_is_shown_and_the_pasted_lines_are_the_reply(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('Sure:\n\n{"C": 1}\n.\nnext\n.\n'))
    model = ManualModel()
    reply = model.complete(ASK)
    assert reply.text == 'Sure:\n\n{"C": 1}'
    assert (reply.input_tokens, reply.finish_reason) == (None, "stop")
    shown = capsys.readouterr().out
    assert "======== system ========\nBe brief.\n" in shown
    assert "======== user ========\nPropose C." in shown
    assert "\x1b" not in shown
    assert model.complete(ASK).text == "next"


def test_the_end_of_the_input_ends_a_reply_and_is_unusable_without_one() -> None:
    model = paste("one\r\n", "two")
    assert model.complete(ASK).text == "one\ntwo"
    with pytest.raises(ModelUnusable, match="no reply was pasted"):
        model.complete(ASK)


def test_a_full_stop_alone_is_an_empty_reply() -> None:
    assert paste(" . ").complete(ASK).text == ""
    assert isinstance(paste(), ChatModel)
