"""The fault server plays what it is told: thirty calls with every fault, through the adapter and the ledger."""

import urllib.error
import urllib.request

import pytest

from support.waiting import PATIENCE_S
from tunewise.errors import ContextLimitExceeded, ModelError, ModelUnavailable, ModelUnusable
from tunewise.llm.base import ChatRequest, Message
from tunewise.llm.calls import Call
from tunewise.llm.ledger import Ledger
from tunewise.llm.openai import OpenAIModel
from tunewise.testing.server import (
    Behaviour,
    FaultServer,
    context_exceeded,
    drop_mid_body,
    empty,
    hang,
    not_json,
    refusal,
    rejects,
    reply,
    reset,
    status,
    truncated,
    wrong_shape,
)

ASK = ChatRequest(messages=(Message("user", "Propose C."),), schema={"type": "object"})
GOOD = reply('{"C": 1}')

SCRIPT: list[tuple[list[Behaviour], str | type[ModelError]]] = [
    ([GOOD], '{"C": 1}'),
    ([reply(lambda sent: sent["messages"][0]["content"])], "Propose C."),
    ([status(401)], ModelUnusable),
    ([status(404)], ModelUnusable),
    ([status(429, retry_after=0.01), GOOD], '{"C": 1}'),
    ([status(429, retry_after=0.01), status(429)], ModelUnavailable),
    ([status(500, retry_after=0.01), GOOD], '{"C": 1}'),
    ([status(503, retry_after=0.01), status(503)], ModelUnavailable),
    ([hang(), GOOD], '{"C": 1}'),
    ([reset(), GOOD], '{"C": 1}'),
    ([drop_mid_body(), GOOD], '{"C": 1}'),
    ([not_json()], ModelUnavailable),
    ([wrong_shape()], ModelUnavailable),
    ([empty()], ""),
    ([refusal()], "I cannot help with that."),
    ([truncated()], '{"C": 0.0'),
    ([reply("x" * 1_000_000)], "x" * 200_000),
    ([context_exceeded()], ContextLimitExceeded),
    ([rejects("temperature"), GOOD], '{"C": 1}'),
    ([rejects("json_schema"), rejects("json_schema", otherwise=GOOD)], '{"C": 1}'),
    *[([rejects("json_schema", "temperature", otherwise=GOOD)], '{"C": 1}')] * 10,
]


def test_thirty_calls_with_every_fault_are_all_accounted_for() -> None:
    calls: list[Call] = []
    with FaultServer([played for behaviours, _ in SCRIPT for played in behaviours]) as server:
        model = OpenAIModel("every-fault", base_url=server.base_url, timeout_s=3.0, max_retries=1)
        ledger = Ledger(model)
        for _, expected in SCRIPT:
            if isinstance(expected, str):
                assert ledger.complete(ASK, calls.append).text == expected
            else:
                with pytest.raises(expected):
                    ledger.complete(ASK, calls.append)
        model.close()
        assert len(server.received) == sum(len(behaviours) for behaviours, _ in SCRIPT)
    assert len(calls) == len(SCRIPT) == 30 == ledger.totals.calls
    assert ledger.totals.failed_calls == sum(not isinstance(expected, str) for _, expected in SCRIPT)
    assert ledger.totals.cost_usd is None


def test_a_list_that_is_played_out_is_followed_by_then() -> None:
    with FaultServer(then=GOOD) as server:
        model = OpenAIModel("then", base_url=server.base_url)
        assert {model.complete(ASK).text for _ in range(3)} == {'{"C": 1}'}
        model.close()
    with FaultServer() as server:
        model = OpenAIModel("nothing-left", base_url=server.base_url, max_retries=0)
        with pytest.raises(ModelUnavailable, match="no behaviour left"):
            model.complete(ASK)
        model.close()


def test_other_paths_and_wrong_keys_are_refused() -> None:
    with FaultServer([GOOD], api_key="right") as server:
        for path, code in (("/models", 401), ("/other", 404)):
            with pytest.raises(urllib.error.HTTPError, match=str(code)) as caught:
                urllib.request.urlopen(server.base_url + path, timeout=PATIENCE_S)
            caught.value.close()
        assert server.received == []
