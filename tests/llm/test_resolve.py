import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tunewise import models
from tunewise.errors import ModelUnusable, UsageError
from tunewise.llm.embedded import EmbeddedModel, find_weights
from tunewise.llm.manual import ManualModel
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.resolve import closing, describe, resolve_model
from tunewise.llm.scripted import ScriptedModel


def test_names_become_models() -> None:
    weights = str(find_weights(None))
    assert isinstance(resolve_model(" embedded "), EmbeddedModel)
    assert isinstance(resolve_model("manual"), ManualModel)
    for spec in (f"embedded:{weights}", weights):
        model = resolve_model(spec, threads=2, context_tokens=1024)
        assert isinstance(model, EmbeddedModel)
        assert (str(model.path), model.context_tokens) == (weights, 1024)
    hosted = resolve_model("gpt-4o", api_key_env="MY_KEY", timeout_s=3, max_retries=0, context_tokens=99)
    assert isinstance(hosted, OpenAIModel)
    assert (hosted.name, hosted.context_tokens) == ("gpt-4o", 99)
    named_like_a_file = resolve_model("org/model.gguf", base_url="http://127.0.0.1:1/v1")
    assert isinstance(named_like_a_file, OpenAIModel)
    scripted = ScriptedModel([])
    assert resolve_model(scripted) is scripted


@pytest.mark.parametrize("spec", ["embeded", "Embedded", "embeddded", "manuel", "embeded:model.gguf "])
def test_near_misses_are_met_with_a_suggestion(spec: str) -> None:
    if spec.strip().endswith(".gguf"):
        with pytest.raises(ModelUnusable, match="There is no file"):
            resolve_model(spec)
    else:
        with pytest.raises(UsageError, match=r"Did you mean .(embedded|manual)."):
            resolve_model(spec)


def test_a_near_miss_is_a_name_like_any_other_on_a_server() -> None:
    assert resolve_model("embeded", base_url="http://127.0.0.1:1/v1").name == "embeded"


@pytest.mark.parametrize(
    ("spec", "options", "words"),
    [
        ("", {}, "name is empty"),
        ("  ", {"base_url": "http://127.0.0.1:1/v1"}, "name is empty"),
        (None, {}, "neither a name nor a ChatModel"),
        (lambda request: "", {}, "neither a name nor a ChatModel"),
        ("embedded", {"base_url": "http://127.0.0.1:1/v1"}, "base_url cannot be set for the embedded model"),
        ("manual", {"timeout_s": 1.0}, "timeout_s cannot be set for the manual model"),
        ("gpt-4o", {"threads": 2}, "threads cannot be set for the model 'gpt-4o' on a server"),
        (ScriptedModel([]), {"max_retries": 1}, "max_retries cannot be set for a model that is given as an object"),
    ],
)
def test_what_would_be_ignored_is_refused(spec: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve_model(spec, **options)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="There is no file"):
        resolve_model(f"embedded:{tmp_path}/none.gguf")


def test_a_model_is_described() -> None:
    local = resolve_model("qwen", base_url="http://user:pass@127.0.0.1:1/v1")
    assert describe(local) == "qwen at http://127.0.0.1:1/v1: its price is unknown"
    assert describe(ScriptedModel([])) == "scripted: it costs nothing"
    assert describe(OpenAIModel("gpt-4o", base_url="https://api.openai.com/v1")) == (
        "gpt-4o at https://api.openai.com/v1: 2.5 USD per million tokens read, 10 written"
    )


def test_closing_closes_what_can_be_closed() -> None:
    class Closable(ScriptedModel):
        closed = False

        def close(self) -> None:
            self.closed = True

    model = Closable([])
    with closing(model) as used:
        assert used is model
        assert not model.closed
    assert model.closed
    with closing(ScriptedModel([])):
        pass


def test_importing_the_package_imports_no_sdk() -> None:
    script = (
        "import sys, tunewise.models, tunewise.llm.ledger; "
        "print({'openai', 'xllamacpp', 'genai_prices', 'httpx2'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_public_name_is_there() -> None:
    assert all(hasattr(models, name) for name in models.__all__)
