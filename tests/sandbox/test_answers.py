"""Work folders that resist and answers that lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tunewise.sandbox.folder import remove, used_bytes, work_folder
from tunewise.sandbox.supervise import Answers, Tail, one_line, read_answer


def test_a_folder_is_removed_whatever_is_in_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    with work_folder({"a": b"1"}, uid=None, within=str(tmp_path)) as folder:
        place = Path(folder)
        (place / "link").symlink_to(outside)
        (place / "nowhere").symlink_to("nowhere")
        (place / "hard").hardlink_to(outside / "kept")
        (place / os.fsdecode(b"\xff\n")).mkdir()
        here = Path.cwd()
        os.chdir(place)
        try:
            for _ in range(60):
                Path("deeper").mkdir()
                os.chdir("deeper")
        finally:
            os.chdir(here)
        (place / "shut" / "inner").mkdir(parents=True)
        (place / "shut" / "inner").chmod(0)
        (place / "shut").chmod(0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["outside"]
    assert ((outside / "kept").read_text(), (outside / "kept").stat().st_nlink) == ("x", 1)


def test_what_lies_in_a_folder_is_counted_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "root").symlink_to("/")
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1 << 30)
    assert 100_000 <= used_bytes(str(tmp_path), 1 << 30) < 200_000
    assert used_bytes(str(tmp_path), 1000) > 1000


def test_a_folder_that_never_was_cannot_be_removed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        remove(str(tmp_path / "none"))


def test_a_folder_that_may_not_be_looked_into_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "barred" / "inner").mkdir(parents=True)
    before = len(list(Path("/proc/self/fd").iterdir()))

    def refuse(folder: int) -> None:
        raise PermissionError(13, "barred")

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        with pytest.raises(PermissionError, match="barred"):
            remove(str(tmp_path / "barred"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b'{"a": 1e400}', "too large"),
        (b"[" * 65 + b"]" * 65, "nested too deeply"),
        (b"[" * 10**6, "nested too deeply"),
        (b'"\\ud800"', "Unicode"),
        (b'"\xff"', "Unicode"),
        (b"", "JSON"),
        (b"1 2", "JSON"),
        (b"9" * 5000, "digits"),
        (b"\x80\x04.", "Unicode"),
    ],
)
def test_an_answer_that_is_no_strict_json_is_refused(line: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_answer(line)


def test_a_good_answer_is_read() -> None:
    assert read_answer(b'{"a": [1, -2.5e3, null, true, "\\u00e9"]}') == {"a": [1, -2500.0, None, True, "é"]}
    assert read_answer(b"[" * 64 + b"]" * 64)[0][0][0] is not None


def test_the_last_whole_line_of_each_kind_counts() -> None:
    answers = Answers(100)
    for part in (b"lnull\nr1", b"\nr2\ne", b'"no"\nr3'):
        answers.feed(part)
    assert answers.last == {b"l": b"null", b"r": b"2", b"e": b'"no"'}
    assert not answers.too_long
    answers.feed(b"x" * 100)
    assert answers.too_long


def test_a_tail_stays_short() -> None:
    tail = Tail(4)
    for part in (b"abc", b"defg", b"h", b"\xff"):
        tail.feed(part)
    assert str(tail) == "fgh\ufffd"


def test_text_of_a_program_is_harmless_in_a_terminal() -> None:
    assert one_line(" a\x1b[31m\n\tb\u202ec\ud800 ") == "a [31m b c"


def test_a_listener_hears_each_answer_until_it_says_stop() -> None:
    heard: list[object] = []

    def listener(answer: object) -> bool:
        heard.append(answer)
        return answer == 4

    answers = Answers(1024, listener)
    for data in (b"ltrue\n", b"r1\nr2\n", b"r", b"3\nrnot JSON\n", b"r4\n", b"r5\n"):
        answers.feed(data)
    assert heard == [1, 2, 3, 4]
    assert answers.stopped
    assert answers.last[b"r"] == b"5"
