"""Make docs/pictures: what a person sees in the terminal, in the report and in the dashboard. `make pictures` runs it.

A terminal is a real one (a pseudo-terminal whose bytes a terminal emulator turns into a screen), so that colours,
wrapped lines and rewritten lines are as a person sees them. The study is examples/svc.yaml, replayed, in a new folder.
"""

from __future__ import annotations

import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fcntl import ioctl
from io import StringIO
from itertools import groupby
from pathlib import Path
from termios import TIOCSWINSZ
from typing import Final

import pyte
from playwright.sync_api import Browser, sync_playwright
from rich.color import ColorParseError
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI, TerminalTheme
from rich.text import Text

DOCS: Final = Path(__file__).parent
PICTURES: Final = DOCS / "pictures"
EXAMPLES: Final = DOCS.parent / "examples"
WIDTHS: Final = (80, 140)
LONGEST: Final = 400
"""Lines that a terminal of ours keeps; no command here prints more."""
THEMES: Final[Mapping[str, TerminalTheme]] = {"light": DEFAULT_TERMINAL_THEME, "dark": MONOKAI}
SIZES: Final = {"desk": (1280, 900), "phone": (390, 844)}
PAGES: Final = {"report": "The report", "dashboard": "The dashboard", "dashboard-trial": "A trial in the dashboard"}
SVG: Final = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>.{unique_id}-matrix {{font-family: Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px;
line-height: {line_height}px; font-variant-east-asian: full-width}}
{styles}</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>{chrome}<g transform="translate({terminal_x}, {terminal_y})"
clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""
"""As Rich draws a terminal, but with fonts of the reader's machine: nothing is loaded from anywhere."""

TUNEWISE: Final = (sys.executable, "-uc", "import sys; sys.argv[0] = 'tunewise'; from tunewise.cli import main; main()")
TUNE: Final = ("tune", "svc.yaml", "--no-reasoning", "--replay", "svc.cassette", "--loose")
SCREENS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "help": ("The first screen", ("--help",)),
    "tune-help": ("The options of one command", ("tune", "--help")),
    "tune": ("A study runs", TUNE),
    "resumed": (
        "Three trials more, without the model",
        ("tune", "svc.yaml", "--n-trials", "13", "--proposer", "random"),
    ),
    "show": ("What came of it", ("show", "svc.yaml")),
    "show-all": ("All that is known of each trial", ("show", "svc.yaml", "--verbose")),
    "models": ("Which models there are", ("models",)),
    "mistake": ("A mistake in a study file", ("tune", "wrong.yaml")),
}


def main() -> None:
    """Make every picture, and the page that lists them."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir()
    with tempfile.TemporaryDirectory() as made, browser() as chromium:
        for width in WIDTHS:
            folder = Path(made) / str(width)
            folder.mkdir()
            for name in ("svc.yaml", "svc.cassette"):
                shutil.copy(EXAMPLES / name, folder)
            wrong = (EXAMPLES / "svc.yaml").read_text().replace("n_trials:", "trails:")
            (folder / "wrong.yaml").write_text(wrong)
            for name, (_, words) in SCREENS.items():
                lines = terminal(words, width, folder)
                for theme in THEMES:
                    (PICTURES / f"{name}-{width}-{theme}.svg").write_text(svg(lines, words, width, THEMES[theme]))
        tunewise(folder, "report", "svc.yaml", "-o", "report.html")
        photograph(chromium, (folder / "report.html").as_uri(), "report")
        with dashboard(folder) as address:
            photograph(chromium, address, "dashboard")
            photograph(chromium, f"{address}/trials?numbers=6", "dashboard-trial")
    (PICTURES / "README.md").write_text(page())


def terminal(words: Sequence[str], width: int, folder: Path) -> list[Text]:
    """The lines of a terminal of `width` columns after a command has run in it."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", LONGEST, width, 0, 0))
    environment = {
        k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and k not in ("COLUMNS", "NO_COLOR")
    }
    process = subprocess.Popen(
        [*TUNEWISE, *words],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )
    os.close(theirs)
    screen = pyte.Screen(width, LONGEST)
    stream = pyte.ByteStream(screen)
    while True:
        try:
            found = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not found:
            break
        stream.feed(found.replace(b"\x1b[?25l", b"").replace(b"\x1b[?25h", b""))
    os.close(ours)
    process.wait()
    lines = [line_of(screen, row) for row in range(LONGEST)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return [*lines, Text()]  # the lower edge cuts what hangs below the last line


def line_of(screen: pyte.Screen, row: int) -> Text:
    """One line with its colours."""
    line = Text()
    cells = [screen.buffer[row][column] for column in range(screen.columns)]
    for (colour, bold, italic, reverse), run in groupby(cells, lambda c: (c.fg, c.bold, c.italics, c.reverse)):
        style = Style(color=colour_of(colour), bold=bold, italic=italic, reverse=reverse)
        line.append("".join(cell.data for cell in run), style)
    line.rstrip()
    return line


def colour_of(name: str) -> str | None:
    """A colour of the emulator as Rich calls it."""
    if name == "default":
        return None
    called = {"brown": "yellow"}.get(name.removeprefix("bright"), name.removeprefix("bright"))
    for tried in (f"bright_{called}" if name.startswith("bright") else called, f"#{name}"):
        try:
            Style(color=tried)
        except ColorParseError:
            continue
        return tried
    return None


def svg(lines: Sequence[Text], words: Sequence[str], width: int, theme: TerminalTheme) -> str:
    """A picture of a terminal."""
    console = Console(record=True, width=width, file=StringIO(), force_terminal=True, color_system="truecolor")
    for line in lines:
        console.print(line, no_wrap=True, overflow="crop", highlight=False)
    title = "tunewise " + " ".join(words)
    return console.export_svg(title=title, theme=theme, code_format=SVG, unique_id="t")


def tunewise(folder: Path, *words: str) -> None:
    """Run a command that must succeed."""
    subprocess.run([*TUNEWISE, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def dashboard(folder: Path) -> Iterator[str]:
    """The dashboard of the study while the block runs."""
    words = [*TUNEWISE, "dashboard", "svc.yaml", "--port", "0", "--no-open"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            address = next(word for line in process.stdout for word in line.split() if word.startswith("http://"))
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield address.rstrip(".")
        finally:
            process.terminate()


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium, which must be on the PATH."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "There is no Chromium on the PATH. Install it, as make test-browser does."
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def photograph(chromium: Browser, address: str, name: str) -> None:
    """A page on a desk and on a phone, by day and by night."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            context = chromium.new_context(
                viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
            )
            tab = context.new_page()
            tab.goto(address, wait_until="networkidle")
            tab.wait_for_timeout(5000)  # the dashboard draws what it has loaded, and drawings move to their place
            tab.screenshot(path=PICTURES / f"{name}-{size}-{scheme}.png")
            context.close()


def page() -> str:
    """The page that lists them."""
    lines = [
        "# What tunewise looks like",
        "",
        "Made by `make pictures` from a replayed study: what a person sees, not drawn.",
        "",
    ]
    for name, (title, words) in SCREENS.items():
        lines += [f"## {title}", "", f"    tunewise {' '.join(words)}", ""]
        lines += [f"![{title}, {w} columns, {t}]({name}-{w}-{t}.svg)" for w in WIDTHS for t in THEMES]
        lines.append("")
    for name, title in PAGES.items():
        lines += [f"## {title}", ""]
        lines += [f"![{title}, {s}, {t}]({name}-{s}-{t}.png)" for s in SIZES for t in THEMES] + [""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
