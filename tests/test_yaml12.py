"""Study files are read by the core schema of YAML 1.2, in milliseconds whatever they hold."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.errors import StudyError
from tunewise.plain import Plain
from tunewise.yaml12 import read_yaml, read_yaml_file, write_yaml

NUMBERS: dict[str, Plain] = {
    "1e-4": 1e-4,
    "1E5": 1e5,
    ".5": 0.5,
    "5.": 5.0,
    "+1": 1,
    "-0.1e+3": -100.0,
    "0777": 777,
    "0o17": 15,
    "0x1F": 31,
    "-.inf": -math.inf,
    "null": None,
    "~": None,
    "": None,
    "True": True,
    "FALSE": False,
}
TEXTS = [
    "on",
    "off",
    "yes",
    "no",
    "y",
    "n",
    "90:10",
    "12:30:45",
    "2024-01-01",
    "1_000",
    "1e",
    "0b1",
    "nan",
    "inf",
    "e5",
]


@pytest.mark.parametrize(("text", "value"), NUMBERS.items())
def test_numbers_and_constants_are_those_of_the_core_schema(text: str, value: Plain) -> None:
    read = read_yaml(f"x: {text}", source="file")
    assert read == {"x": value}
    assert isinstance(read, dict)
    assert type(read["x"]) is type(value)


@pytest.mark.parametrize("text", TEXTS)
def test_all_else_is_text(text: str) -> None:
    assert read_yaml(f"[{text}]", source="file") == [text]
    assert read_yaml(f"{text}: 1", source="file") == {text: 1}
    assert read_yaml('["1e-4", \'true\', !!str 5, "~"]', source="file") == ["1e-4", "true", "5", "~"]


REFUSED = {
    "a key twice": ("a: 1\nb: 2\na: 3", "line 3: the key 'a' stands twice"),
    "a key twice in a flow": ("{a: 1, a: 2}", "line 1: the key 'a' stands twice"),
    "a merge of YAML 1.1": ("x: &x {a: 1}\ny:\n  <<: *x", "line 3: << is of YAML 1.1"),
    "a tag of a program": ("a: !!python/object/apply:os.system [true]", "line 1: the tag"),
    "a wrong tag": ("a: !!int x", "'x' is no int"),
    "two documents": ("a: 1\n---\nb: 2", "line 2: a second document"),
    "a list as a key": ("? [a]\n: 1", "a key must be a text"),
    "an alias of nothing": ("a: *b", "stands for nothing"),
    "a list in itself": ("a: &a [*a]", "stands for nothing that is complete"),
    "a tab": ("a:\n\t- b", "is not YAML, line 2"),
    "a NUL": ("a: \x00", "is not YAML"),
    "no end": ('a: "b', "is not YAML"),
    "deep lists": ("[" * 100_000, "nested deeper than"),
    "deep mappings": ("a: " + "{a: " * 10_000, "nested deeper than"),
    "a bomb of lists": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "more than 20000 values",
    ),
    "an endless integer": ("a: " + "9" * 6000, "an integer of 6000 digits"),
    "an endless text": ("a" * 2_000_000, "longer than 1000000 characters"),
    "a lone surrogate": ("a: \ud800", "is not YAML"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_at_once(text: str, message: str) -> None:
    began = time.process_time()
    with pytest.raises(StudyError, match=message):
        read_yaml(text, source="file")
    assert time.process_time() - began < 1.0  # of this process's own time: what else runs does not count


def test_an_alias_stands_for_what_it_names() -> None:
    assert read_yaml("a: &x [1, 2]\nb: *x", source="file") == {"a": [1, 2], "b": [1, 2]}
    assert read_yaml("", source="file") is None
    assert read_yaml('{"json": [1.0, null]}', source="file") == {"json": [1.0, None]}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@given(plain | st.sampled_from([*TEXTS, *NUMBERS]))
def test_what_is_written_is_read_as_the_same(data: Plain) -> None:
    try:
        text = write_yaml(data)
        text.encode()
    except UnicodeEncodeError:
        return
    assert repr(read_yaml(text, source="file")) == repr(data)


@given(st.text("abc01e-.: \n[]{},'\"&*!|>#?%@`~<\t", max_size=80) | st.text(max_size=60))
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    try:
        read_yaml(text, source="file")
    except StudyError as error:
        assert str(error).startswith("file")  # noqa: PT017 - either outcome is right


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    with pytest.raises(StudyError, match="it is not UTF-8"):
        read_yaml_file(tmp_path / "latin.yaml")
    with pytest.raises(StudyError, match=r"cannot be read: (No such file|Is a directory)"):
        read_yaml_file(tmp_path)
    assert read_yaml_file(tmp_path / "bom.yaml") == {"a": 1}
