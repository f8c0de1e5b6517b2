"""Providers by name: where each answers in the protocol of OpenAI, and which key its users already have."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tunewise.errors import UsageError
from tunewise.llm.address import check_url, is_local

__all__ = ["PROVIDERS", "Provider", "provider_of", "suggest"]

UNFIT = re.compile(
    r"embed|tts|audio|speech|whisper|transcri|image|vision|video|live|realtime|moderation|guard|ocr|rerank|search"
    r"|instruct-|native|banana|robotics|aqa|voxtral|orpheus|codex|:free|-exp\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider of models.

    Attributes:
        name: What stands before the slash of a model's name.
        url: Its address; empty where every user has one of their own.
        keys: Environment variables of the key, the usual one first; none where no key is needed.
        url_variable: The variable of another address; one without a path gets the path of `url`.
        headers: Sent beside the usual ones; {key} stands for the key.
        pricing: The provider's name in the price list; empty where nothing is charged.
        preferred: Parts of the names of its capable models, the best choice first.
    """

    name: str
    url: str
    keys: tuple[str, ...] = ()
    url_variable: str
    headers: Mapping[str, str] = field(default_factory=dict)
    pricing: str = ""
    preferred: tuple[str, ...] = ()

    @property
    def key_variable(self) -> str:
        """The variable that holds a key, or the usual one."""
        return next((name for name in self.keys if os.environ.get(name, "").strip()), next(iter(self.keys), ""))

    @property
    def configured(self) -> bool:
        """Whether a key is set; or, where none is needed, an address."""
        return bool(os.environ.get(self.key_variable if self.keys else self.url_variable, "").strip())

    @property
    def free(self) -> bool:
        """Whether it runs on a machine of one's own."""
        return not self.pricing

    def named(self, model: str) -> str:
        """How `--model` names a model of it. A server at OPENAI_BASE_URL has its own names, slashes and all."""
        elsewhere = self.name == "openai" and os.environ.get(self.url_variable, "").strip()
        return model if elsewhere else f"{self.name}/{model}"

    @property
    def address(self) -> str:
        """Where it answers.

        Raises:
            UsageError: The variable that says so holds no address, or is needed and not set.
        """
        given = os.environ.get(self.url_variable, "").strip()
        if not given and not self.url:
            raise UsageError(
                f"The address of {self.name} differs for every user. Set {self.url_variable}, for example to "
                "https://my-resource.openai.azure.com, or give base_url."
            )
        if not given:
            return self.url
        if "://" not in given:
            given = f"http://{given}" if self.free else f"https://{given}"
        try:
            given = check_url(given.replace("//0.0.0.0", "//127.0.0.1"))
            parts, usual = urlsplit(given), urlsplit(self.url or "https://host/openai/v1")
            if self.free and parts.port is None and not parts.path:
                parts = parts._replace(netloc=f"{parts.netloc}:{usual.port}")
        except ValueError:  # a UsageError is one
            raise UsageError(f"{self.url_variable} holds no address. Correct it, or unset it.") from None
        return (parts if parts.path.strip("/") else parts._replace(path=usual.path)).geturl()


def hosted(name: str, url: str, key: str, *more: str, pricing: str = "", preferred: str = "") -> Provider:
    """A provider whose variables are called as most are."""
    variable = key.removesuffix("_API_KEY").removesuffix("_TOKEN") + "_BASE_URL"
    return Provider(
        name=name,
        url=url,
        keys=(key, *more),
        url_variable=variable,
        pricing=pricing or name,
        preferred=tuple(preferred.split()),
        headers={"x-api-key": "{key}", "anthropic-version": "2023-06-01"} if name == "anthropic" else {},
    )


_all = (
    hosted("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", preferred="gpt-5 gpt-4.1 gpt-4o"),
    hosted("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", preferred="sonnet opus haiku"),
    hosted(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        pricing="google",
        preferred="pro flash",
    ),
    hosted("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", preferred="mistral-large mistral-medium"),
    hosted("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", preferred="deepseek-chat deepseek"),
    hosted("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", preferred="gpt-oss-120b kimi qwen llama-3.3"),
    hosted("xai", "https://api.x.ai/v1", "XAI_API_KEY", pricing="x-ai", preferred="grok"),
    hosted("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", preferred="claude-sonnet gpt-5 gemini"),
    hosted("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", preferred="Qwen3 DeepSeek Llama-4"),
    hosted("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", preferred="deepseek qwen3"),
    hosted("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", preferred="gpt-oss qwen llama"),
    hosted("cohere", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY", "CO_API_KEY", preferred="command-a"),
    hosted("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", "PPLX_API_KEY", preferred="sonar-pro"),
    hosted("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", pricing="moonshotai", preferred="kimi"),
    hosted("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", preferred="glm"),
    hosted(
        "huggingface", "https://router.huggingface.co/v1", "HF_TOKEN", pricing="huggingface_together", preferred="Qwen3"
    ),
    hosted("nvidia", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY", preferred="nemotron llama"),
    Provider(
        name="azure",
        url="",
        keys=("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
        url_variable="AZURE_OPENAI_ENDPOINT",
        headers={"api-key": "{key}"},
        pricing="azure",
        preferred=("gpt-5", "gpt-4"),
    ),
    Provider(name="ollama", url="http://localhost:11434/v1", url_variable="OLLAMA_HOST"),
    Provider(name="lmstudio", url="http://localhost:1234/v1", url_variable="LMSTUDIO_BASE_URL"),
    Provider(name="vllm", url="http://localhost:8000/v1", url_variable="VLLM_BASE_URL"),
    Provider(name="llamacpp", url="http://localhost:8080/v1", url_variable="LLAMACPP_BASE_URL"),
)
PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in _all}
ALIASES = {"google": "gemini", "x-ai": "xai", "grok": "xai", "claude": "anthropic", "hf": "huggingface"}
FAMILIES = {
    "claude": "anthropic",
    "gemini": "gemini",
    "grok": "xai",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "magistral": "mistral",
    "command-a": "cohere",
    "kimi": "moonshot",
    "glm-": "zai",
}
"""How the names of models begin that OpenAI certainly does not have."""


def provider_of(name: str) -> tuple[Provider | None, str]:
    """The provider that a model's name begins with, and the rest of the name; None where it begins with none.

    Names that begin with another word and a slash belong to the server at OPENAI_BASE_URL, where that is set.

    Raises:
        UsageError: It begins with the name of no provider, or is a model that the default provider cannot have.
    """
    first, slash, rest = name.partition("/")
    elsewhere = bool(os.environ.get("OPENAI_BASE_URL", "").strip())
    if slash:
        provider = PROVIDERS.get(ALIASES.get(first.lower(), first.lower()))
        if provider and not (elsewhere and provider.name == "openai"):
            if not rest.strip():
                raise UsageError(
                    f"The model's name is missing in {name!r}. `tunewise models {provider.name}` lists them."
                )
            return provider, rest.strip()
        if elsewhere:
            return None, name
        near = difflib.get_close_matches(first.lower(), [*PROVIDERS, *ALIASES], 1, 0.6)
        hint = f" Did you mean {ALIASES.get(near[0], near[0])}/{rest}?" if near else ""
        raise UsageError(
            f"The provider {first!r} in the model's name {name!r} is unknown.{hint} There are {', '.join(PROVIDERS)}; "
            "any other server needs its base_url."
        )
    family = next((family for family in FAMILIES if name.lower().startswith(family)), None)
    if family and not elsewhere:
        raise UsageError(
            f"The model {name!r} does not say where it is. Did you mean {FAMILIES[family]}/{name}? A server of your "
            "own needs its base_url."
        )
    return None, name


def suggest(provider: Provider, offered: Sequence[str]) -> str:
    """A capable model among those that a provider offers; empty where none is known to be one."""
    fit = [name for name in offered if not UNFIT.search(name)]
    for part in provider.preferred:
        if found := [name for name in fit if part.lower() in name.lower()]:
            return max(found, key=version)
    return fit[0] if fit and is_local(provider.address) else ""


def version(name: str) -> tuple[list[int], int]:
    """What sorts newer models last: their numbers; of equal ones the shorter name, which follows updates."""
    numbers = [int(number) for number in re.findall(r"\d{1,2}(?!\d)", re.sub(r"\d{4,}", "", name))]
    return numbers, -len(name)
