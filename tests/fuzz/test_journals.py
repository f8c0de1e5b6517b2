"""Whatever a journal holds, it is read or refused with the number of a line; looking changes it by no byte."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise import attributes
from tunewise.errors import UsageError
from tunewise.space import Float, Int, SearchSpace
from tunewise.study.storage import open_study
from tunewise.study.stored import StoredStudy
from tunewise.study.tune import tune

pytestmark = pytest.mark.fuzz

SPACE = SearchSpace({"C": Float(0.01, 100, log=True), "n": Int(1, 60)})
ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, True, "", "x", "\ud800", -1, 0, 99, 2**63, 10**400, 1e308, float("nan"), float("inf"), [], {}]
)
ANY = st.recursive(
    ODD | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
OURS = [attributes.STUDY, attributes.PROPOSAL, attributes.RESULT, attributes.ASKED, attributes.STOPPED]
OURS += [f"{attributes.CALL}0", f"{attributes.CHAT}a:00000", f"{attributes.CHAT_CALL}a:0", f"{attributes.PROGRAM}1"]


def spoilt(record: dict[str, Any], key: str, value: object) -> bytes:
    return json.dumps({**record, key: value}).encode() + b"\n"


def value_of(configuration: dict[str, Any]) -> float:
    return float(configuration.get("C", 1.0))


def looked_at(path: Path) -> None:
    """Read as the commands read it, then gone on with."""
    before = path.read_bytes()
    try:
        stored = StoredStudy.read(open_study(path))
        assert stored.verdict()
        json.dumps([stored.task.to_dict(), stored.space, stored.names, stored.notes], allow_nan=False)
        assert stored.totals.calls >= 0
        assert path.read_bytes() == before  # looking changes nothing
        tune(value_of, SPACE, proposer="random", n_trials=4, storage=path)
    except UsageError as error:
        assert 10 < len(str(error)) < 2000  # noqa: PT017 - either outcome is right


@pytest.fixture(scope="module", autouse=True)
def no_power_cut() -> Iterator[None]:
    """Nothing is forced to the disk, which would take most of the time of a busy machine."""
    with patch.object(os, "fsync"):
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal of three trials."""
    path = tmp_path_factory.mktemp("whole") / "whole.journal"
    tune(value_of, SPACE, proposer="random", n_trials=3, storage=path)
    assert StoredStudy.read(open_study(path)).verdict()  # what is imported for it is imported once
    return path.read_bytes()


@given(st.integers(0, 999), st.integers(0, 999), ANY)
def test_any_field_of_any_record_may_be_anything(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, line: int, field: int, value: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.journal"
    lines = whole.splitlines(keepends=True)
    at = line % len(lines)
    record = json.loads(lines[at])
    lines[at] = spoilt(record, sorted(record)[field % len(record)], value)
    path.write_bytes(b"".join(lines))
    looked_at(path)


@given(st.sampled_from(OURS), ANY, st.booleans())
def test_any_attribute_of_ours_may_be_anything(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, key: str, value: object, of_study: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.journal"
    where: dict[str, Any] = {"study_id": 0} if of_study else {"trial_id": 0}
    added = b"".join(
        json.dumps({"op_code": code, "worker_id": "w", **where, kind: {key: value}}).encode() + b"\n"
        for code, kind in (
            ((2, "user_attr"), (3, "system_attr")) if of_study else ((8, "user_attr"), (9, "system_attr"))
        )
    )
    lines = whole.splitlines(keepends=True)
    born = next(k for k, line in enumerate(lines) if json.loads(line)["op_code"] == 4) + 1
    path.write_bytes(b"".join([*lines[:born], added, *lines[born:]]))
    looked_at(path)


@given(st.binary(max_size=60), st.integers(0, 10**6), st.integers(0, 200))
def test_any_bytes_may_stand_anywhere(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int, lost: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.journal"
    cut = at % len(whole)
    path.write_bytes(whole[:cut] + noise + whole[cut + lost :])
    looked_at(path)
