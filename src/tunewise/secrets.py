"""What must never reach a prompt, a record or a report: values of environment variables and shapes of common keys."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["MASK", "mask", "mask_named"]

MASK = "***"
LEAST = 8
"""Characters below which the value of an environment variable is no secret: "none", "1234"."""

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
    r"(?:nvapi|pypi|xai|tvly|lsv2)[-_](?=[\w-]{0,80}\d)[\w-]{20,}",
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    r"AIza[\w-]{30,}|ya29\.[\w-]{20,}",
    r"xox[a-z]-[\w-]{10,}",
    r"SG\.[\w-]{16,80}\.[\w-]{16,}",
    r"eyJ[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{0,2000}",
)
by_shape = re.compile(rf"(?<![A-Za-z0-9_-])(?:{'|'.join(tokens)})")
private_key = re.compile(
    r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----).*?(-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL
)
in_address = re.compile(r"(?<=://)[^\s/:@]{0,200}:[^\s/@]{1,200}(?=@)")
value = r"[\w.~+/=-]"
header = re.compile(
    rf"(\bauthorization[\"']?\s?[:=]\s?[\"']?(?:\w{{1,20}} )?|\bbearer (?={value}{{0,80}}\d)){value}{{12,}}",
    re.IGNORECASE,
)
named = (
    r"(?:api[_-]?key|access[_-]?key|private[_-]?key|secret|token|passw(?:or)?d|passphrase|credentials?)"
    r"(?![a-z])[\w-]{0,30}"
)
quoted = re.compile(rf"({named}[\"']?\]?\s?[:=]\s?)([\"'])(?![<\[{{$%*])[^\s\"']{{6,400}}\2", re.IGNORECASE)
sign = r"[\w+/=~-]"
bare = re.compile(
    rf"({named}[\"']?\s?[:=]\s?|--[\w-]{{0,30}}{named} )"
    rf"(?={sign}{{0,80}}\d)(?={sign}{{0,80}}[a-z]){sign}{{12,400}}+(?![\w.(\[])",
    re.IGNORECASE,
)
password = re.compile(
    r"(passw(?:or)?d[\w-]{0,30}[\"']?\s?[:=]\s?)(?![\"'<\[{$%*])[^\s\"',;(){}.\[\]]{6,400}+(?![\w.(\[])", re.IGNORECASE
)
"""Every repetition is bounded or consumed at once: a log of any content is searched in linear time."""


def mask(text: str) -> str:
    """The text with every secret that is known or looks like one replaced by ***. Masking twice changes nothing more.

    Known are the values of environment variables whose names say so (KEY, TOKEN, SECRET, PASSWORD, ...), if they have
    at least 8 characters. Others are recognized by their shape (keys of common services, private keys, passwords in
    addresses) or by what stands before them (`api_key = "..."`, `Authorization: ...`). A secret that is split over
    lines, encoded, or of no known shape passes: nobody should rely on it alone.
    """
    for value in known_secrets():
        text = text.replace(value, MASK)
    text = private_key.sub(lambda key: key[1] + MASK + "\n" * key[0].count("\n") + key[2], text)  # lines keep numbers
    text = by_shape.sub(MASK, text)
    text = in_address.sub(MASK, text)
    text = header.sub(rf"\1{MASK}", text)
    text = quoted.sub(rf"\1\2{MASK}\2", text)
    text = password.sub(rf"\1{MASK}", text)
    return bare.sub(rf"\1{MASK}", text)


def mask_named(name: str, text: str) -> str:
    """The text, masked as it would be behind its name: an attribute `api_key` holds a secret of any shape."""
    one_word = re.sub(r"[\s\"']", "_", text[:400])
    return MASK if quoted.search(f'{name}: "{one_word}"') else mask(text)


def known_secrets() -> list[str]:
    """Values of environment variables that look like secrets, the longest first; paths of files are none."""
    values = {
        value.strip()
        for variable, value in os.environ.items()
        if secret_name.search(variable) and variable not in not_secret and len(value.strip()) >= LEAST
    }
    return sorted((value for value in values if not is_path(value)), key=len, reverse=True)


def is_path(value: str) -> bool:
    """Whether there is such a file or folder."""
    try:
        return Path(value).exists()
    except (OSError, ValueError):
        return False
