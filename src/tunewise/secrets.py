"""What must never reach a prompt, a record or a report: what is known to be secret, and shapes of common keys.

Whoever is handed a secret as such (a key, a password in an address, a variable for the objective) says so here, once:
`remember`. From then on its value is masked wherever `mask` is called, and in every error that tunewise raises.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from tunewise.plain import Plain

__all__ = [
    "MASK",
    "mask",
    "mask_data",
    "mask_known",
    "mask_named",
    "masker",
    "remember",
    "remember_address",
    "remember_environment",
    "unfinished",
]

MASK = "***"
LEAST = 8
"""Characters below which the value of an environment variable is no secret: "none", "1234"."""
LEAST_KNOWN = 6
"""Characters below which what was handed over as a secret is not masked."""

remembered: set[str] = set()
placeholder = re.compile(r"[a-z]{0,10}|EMPTY|true|false|[\d.]{0,10}|(?:none|not|no)[-_].{0,20}", re.IGNORECASE)
"""What people write where a server wants no key, and settings that say nothing: numbers, single words."""


def remember(secret: str) -> None:
    """Mask this value from now on. What is shorter than 6 characters is not masked: it would be found everywhere."""
    for value in (secret, secret.strip()):
        if len(value) >= LEAST_KNOWN:
            encoded = (
                quote(value),
                quote(value, safe=""),
                quote_plus(value),
                json.dumps(value)[1:-1],
                repr(value)[1:-1],
            )
            remembered.update((value, unquote(value), *encoded))
            remembered.update(line for line in value.splitlines() if len(line) >= 2 * LEAST)


def remember_environment(variables: Mapping[str, str]) -> None:
    """Mask the values of variables that are handed to an objective; not paths, numbers and single short words.

    Those of variables whose names say that they are secret are masked, whatever they are.
    """
    for name, value in variables.items():
        if secret_name.search(name) or not (
            placeholder.fullmatch(value) or is_path(value) or os.pathsep + "/" in value
        ):
            remember(value)


def remember_address(address: str) -> None:
    """Mask the password in an address, for example of a database, wherever else it turns up."""
    for password in passwords_in(address):
        remember(password)


secret_name = re.compile(
    r"(?:^|_)(?:API_?)?(?:KEY|TOKEN|PASS|PASSWD|PASSPHRASE|PWD|CREDENTIALS?|COOKIE)(?:_|$)|SECRET|PASSWORD|APIKEY",
    re.IGNORECASE,
)
not_secret = ("PWD", "OLDPWD")  # the shell's folders

tokens = (
    r"sk-(?=[\w-]{0,80}\d)[\w-]{16,}",
    r"[prs]k_(?:live|test)_\w{16,}",
    r"gh[opsur]_\w{20,}|github_pat_\w{20,}|gl[a-z]{2,5}-[\w-]{16,}",
    r"(?:hf|gsk|r8|npm|dckr_pat|dop_v1)_[A-Za-z0-9_-]{20,}",
    r"(?:nvapi|pypi|xai|tvly|lsv2|pplx)[-_](?=[\w-]{0,80}\d)[\w-]{20,}",
    r"(?:AKIA|ASIA)[0-9A-Z]{16}|AGE-SECRET-KEY-1[0-9A-Z]{20,}",
    r"AIza[\w-]{30,}|ya29\.[\w-]{20,}",
    r"xox[a-z]-[\w-]{10,}",
    r"SG\.[\w-]{16,80}\.[\w-]{16,}",
    r"eyJ[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{0,2000}",
)
prefixes = (
    *("sk-", "k_live_", "k_test_", "gh", "github_pat_", "gl", "hf_", "gsk_", "r8_", "npm_", "dckr_pat_", "dop_v1_"),
    *("nvapi", "pypi", "xai", "tvly", "lsv2", "pplx", "age-", "akia", "asia", "aiza", "ya29.", "xox", "sg.", "eyj"),
)
by_shape = re.compile(rf"(?<![A-Za-z0-9_-])(?:{'|'.join(tokens)})")
private_key = re.compile(
    r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----).*?(-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL
)
in_address = re.compile(r"(?<=://)(?:[^\s/:@]{0,200}:[^\s/]{1,200}|(?=[\w.~-]{0,80}\d)[\w.~-]{16,200})(?=@)")
login = re.compile(  # of .netrc, of registries, and of curl
    r"(\blogin\s{1,9}\S{1,100}\s{1,9}password\s{1,9}"
    r"|\b(?:sshpass|login\s{1,9}(?:-u|--username)[\s=]{0,9}\S{1,100})\s{1,9}(?:-p|--password)[\s=]{0,9}|(?:^|\s)(?:-u|-U|--user|--proxy-user)[\s=]?[\"']?[\w.@-]{1,100}:)"
    r"[^\s\"'*]{3,200}"
)
webhook = re.compile(
    r"(https?://(?:hooks\.slack\.com/[a-z]{1,20}|hooks\.zapier\.com/hooks|[\w.-]{0,60}webhook\.office\.com"
    r"|(?:\w{1,20}\.)?discord(?:app)?\.com/api/webhooks|api\.telegram\.org/bot|outlook\.office(?:365)?\.com/webhook"
    r"|[\w.:-]{1,100}/(?:[\w.-]{1,40}/){0,5}(?:web)?hooks?))[\w:@%+=~./-]{8,400}",
    re.IGNORECASE,
)
telegram = re.compile(r"\b\d{8,10}:[\w-]{35}\b")
cookie = re.compile(
    r"(\b(?:set-)?cookie2?[\"']?\s?:\s?[\"']?)(?=[^\r\n\"'=]{1,200}=)[^\r\n\"']{6,4000}+", re.IGNORECASE
)
signature = re.compile(
    r"(\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)\s?=\s?"
    r"|[?&;](?:sig|signature|token|key|auth|secret|code|x-(?:amz|goog)-(?:signature|credential|security-token))=)"
    r"[^\s&;\"'<>*]{6,1000}+",
    re.IGNORECASE,
)
connection = re.compile(
    r"((?:^|[;\"'])\s?(?:pwd|password)\s?=\s?)[^\s;\"'*]{3,200}(?=;|[\"'])", re.IGNORECASE | re.MULTILINE
)
value = r"[\w.~+/=-]"
header = re.compile(
    rf"(\bauthorization[\"']?\s?[:=]\s?[\"']?(?:\w{{1,20}} )?|\bbearer (?={value}{{0,80}}\d)){value}{{12,}}",
    re.IGNORECASE,
)
named = (
    r"(?:api[_-]?key|access[_-]?key|private[_-]?key|secret|token|passw(?:or)?d|passphrase|credentials?)"
    r"(?![a-z])[\w-]{0,30}"
)
becomes = r"(?:[\"']|%2[27])?\]?\s?(?::=|[=-]>|[:=]|%3[ad])\s?(?:%2[27])?"
"""Between a name and its value: as in programs, YAML, JSON, and as an address encodes them."""
quoted = re.compile(rf"({named}{becomes})([\"'])(?![<\[{{$%*])[^\s\"']{{6,400}}\2", re.IGNORECASE)
sign = r"[\w+/=~-]"
bare = re.compile(
    rf"({named}(?:{becomes}|>|[\"'],\s?[\"'])|--[\w-]{{0,30}}{named} )"
    rf"(?={sign}{{0,80}}\d)(?={sign}{{0,80}}[a-z]){sign}{{12,400}}+(?![\w.(\[])",
    re.IGNORECASE,
)
password = re.compile(
    rf"((?:passw(?:or)?[dt][\w-]{{0,30}}|[a-z]_pwd)(?:{becomes}|>))(?![\"'<\[{{$%*])[^\s\"',;(){{}}.\[\]]{{6,400}}+(?![\w.(\[])",
    re.IGNORECASE,
)
"""Every repetition is bounded or consumed at once: a log of any content is searched in linear time."""


queries = ("token", "key", "auth", "secret", "code", "credential")
names = ("key", "secret", "token", "passw", "passphrase", "credential")
shapes: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str], tuple[str, ...]], ...] = (
    (private_key, lambda key: key[1] + MASK + "\n" * key[0].count("\n") + key[2], ("private key",)),  # lines stay
    (by_shape, MASK, prefixes),
    (in_address, MASK, ("://",)),
    (login, rf"\1{MASK}", ("login", "-u", "--user", "--proxy-user", "sshpass")),
    (webhook, rf"\1{MASK}", ("hook", "telegram")),
    (cookie, rf"\1{MASK}", ("cookie",)),
    (signature, rf"\1{MASK}", ("accountkey", "sharedaccess", "sig=", "signature=", *(f"{name}=" for name in queries))),
    (connection, rf"\1{MASK}", ("pwd", "password")),
    (telegram, MASK, (":",)),
    (header, rf"\1{MASK}", ("authorization", "bearer")),
    (quoted, rf"\1\2{MASK}\2", names),
    (password, rf"\1{MASK}", ("passw", "_pwd")),
    (bare, rf"\1{MASK}", names),
)
"""In their order: what is looked for, what takes its place, and words without one of which it cannot be there. A search
for words is a hundred times faster; beyond ASCII, where one letter may stand for another, nothing is left out."""


def mask(text: str) -> str:
    """The text with every secret that is known or looks like one replaced by ***. Masking twice changes nothing more.

    Known is what was handed over as a secret (`remember`), and the values of environment variables whose names say so
    (KEY, TOKEN, SECRET, PASSWORD, ...), if they have at least 8 characters. Others are recognized by their shape (keys
    of common services, private keys, webhooks, passwords in addresses) or by what stands before them (`api_key =
    "..."`, `Authorization: ...`, `Cookie: ...`). A secret that is split over lines, encoded, or of no known shape
    passes: nobody should rely on it alone.
    """
    return mask_shapes(mask_known(text))


def masker() -> Callable[[str], str]:
    """`mask` for the many texts of one moment: what is known is looked up once, each different text looked at once."""
    known = known_secrets()
    return cache(lambda text: mask_shapes(replaced(text, known)))


def mask_known(text: str) -> str:
    """The text with every secret that is known replaced by ***; what only looks like one stays."""
    return replaced(text, known_secrets())


def replaced(text: str, known: Sequence[str]) -> str:
    """The text with *** in place of some others."""
    for value in known:
        if value in text:
            text = text.replace(value, MASK)
    return text


def mask_shapes(text: str) -> str:
    """The text with *** in place of what looks like a secret."""
    lower = text.lower()
    for shape, used, words in shapes:
        if any(word in lower for word in words) or not lower.isascii():
            text = shape.sub(used, text)
    return text


def mask_data(data: Plain, masked: Callable[[str], str] | None = None) -> Plain:
    """Plain data with every text in it masked; keys stay."""
    masked = masked or masker()
    match data:
        case str():
            return masked(data)
        case Mapping():
            return {key: mask_data(value, masked) for key, value in data.items()}
        case list() | tuple():
            return [mask_data(value, masked) for value in data]
    return data


def unfinished(text: str, end: int) -> int:
    """Where to cut a text that goes on: at `end`, or where a known secret begins that would be cut in two there."""
    for secret in known_secrets():  # the longest first
        for at in range(max(0, end - len(secret) + 1), end):
            if secret.startswith(text[at : at + len(secret)]):
                end = at
                break
    return end


def mask_named(name: str, text: str) -> str:
    """The text, masked as it would be behind its name: an attribute `api_key` holds a secret of any shape."""
    one_word = re.sub(r"[\s\"']", "_", text[:400])
    return MASK if quoted.search(f'{name}: "{one_word}"') else mask(text)


def known_secrets() -> list[str]:
    """What was handed over, and values of variables that look like secrets, the longest first; paths are none."""
    values = {
        value
        for variable in os.environ
        if is_secret_name(variable) and len(value := os.environ.get(variable, "").strip()) >= LEAST
    }
    kept = remembered.union(value for value in values if not is_path(value))
    kept.update(word for value in os.environ.values() if "://" in value for word in passwords_in(value))
    return sorted(kept, key=len, reverse=True)


@lru_cache(maxsize=1000)
def passwords_in(address: str) -> tuple[str, ...]:
    """The password in an address, for example of a proxy, as it is written and as it is meant."""
    try:
        password = urlsplit(address).password or ""
    except ValueError:
        return ()
    return tuple(word for word in (password, unquote(password)) if len(word) >= LEAST_KNOWN)


@lru_cache(maxsize=1000)
def is_secret_name(variable: str) -> bool:
    """Whether the name of a variable says that it holds a secret."""
    return variable not in not_secret and bool(secret_name.search(variable))


def is_path(value: str) -> bool:
    """Whether there is such a file or folder."""
    try:
        return Path(value).exists()
    except (OSError, ValueError):
        return False


class Masked(logging.Filter):
    """Masks what is written to the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Masks, and lets everything pass."""
        record.msg, record.args = mask(record.getMessage()), ()
        return True


logging.getLogger("tunewise").addFilter(Masked())
