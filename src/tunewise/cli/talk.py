"""The terminal side of a conversation: questions are read, answers shown as they come, a yes asked for."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markdown import Markdown
from rich.spinner import Spinner
from rich.text import Text

from tunewise.assistant.actions import ACTIONS
from tunewise.assistant.conversation import Conversation, Event, Looked, Notice, Said
from tunewise.cli.blocks import Blocks
from tunewise.cli.terminal import console, inert, is_animated
from tunewise.errors import ContextLimitExceeded, ModelUnavailable
from tunewise.llm.resolve import describe
from tunewise.text import StreamedText, clip, money, without_commands

if TYPE_CHECKING:
    from tunewise.assistant.actions import Plan
    from tunewise.assistant.subject import Subject
    from tunewise.llm.base import ChatModel
    from tunewise.llm.ledger import Ledger
    from tunewise.study.conversations import Kept

__all__ = ["Terminal"]

COMING = 600
"""Characters of a paragraph that are shown while it is written."""


class Terminal:
    """Answers go to standard output, everything else to standard error, so that an answer can be piped on.

    Args:
        asks: Whether questions are read from standard input.
        person: Whether a person is at both ends, who can say yes.
        plain: No colours, nothing that moves.
    """

    def __init__(self, *, asks: bool, person: bool, plain: bool = False) -> None:
        self.person = person
        self._asks = asks
        self._out = console(plain=plain)
        self._err = console(errors=True, plain=plain)
        self._rendered = is_animated(self._out)
        self._sign = Sign(self._err)

    def list(self, kept: Sequence[Kept]) -> None:
        """Conversations of a study, the latest last."""
        for one in kept:
            self._out.out(
                without_commands(f"{one.id}  {one.began}  {one.messages:>3} messages  {clip(one.question, 80)}")
            )
        if not kept:
            self._note("There is no conversation about this study yet.")

    def choose(self, kept: Sequence[Kept], *, resume: bool) -> str | None:
        """Which conversation to go on with: the latest if that is wanted; a person is asked."""
        if not kept or not (resume or (self._asks and self.person)):
            return None
        latest = kept[-1]
        about = f"{latest.began}, {latest.messages} messages: {clip(latest.question, 80)}"
        if resume:
            self._note(f"Going on with {latest.id} ({about})")
            return latest.id
        return latest.id if self._yes(f"There is an earlier conversation ({about}). Go on with it?") else None

    def greet(self, subject: Subject, model: ChatModel) -> None:
        """Say who answers and what is attached."""
        if not (self._asks and self.person):
            return
        attached = [f"{source.label} {source.name} ({source.last} lines)" for source in subject.sources]
        if subject.stored is not None:
            attached.insert(0, f"study {subject.stored.name} ({len(subject.trials)} trials)")
        self._note(describe(model))
        self._note(f"Attached: {', '.join(attached) or 'nothing'}. Ctrl-C stops an answer, Ctrl-D ends.")

    def questions(self) -> Iterator[str]:
        """Lines of standard input; of a person, until Ctrl-D or Ctrl-C twice."""
        if not self.person:
            yield from (line for line in map(str.strip, sys.stdin) if line)
            return
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - lets a person edit the line
        interrupted = False
        while True:
            try:
                line = input("\n> ")
            except EOFError:
                self._out.out("")
                return
            except KeyboardInterrupt:
                if interrupted:
                    self._out.out("")
                    return
                interrupted = True
                self._note("\n(Ctrl-C again, or Ctrl-D, ends)")
                continue
            interrupted = False
            if line.strip():
                yield line

    def run(self, talk: Conversation, questions: Iterable[str]) -> None:
        """Ask each question and show its answer.

        Raises:
            BudgetReached, ModelError: The conversation cannot go on; a person may try again where that can help.
        """
        for question in questions:
            try:
                self._answer(talk, question)
            except KeyboardInterrupt:
                self._out.out("")  # what the interruption has left in the buffer goes out too
                self._note("(stopped; what came is kept)")
                if not (self._asks and self.person):
                    raise typer.Exit(130) from None
            except (ModelUnavailable, ContextLimitExceeded) as error:
                if not (self._asks and self.person):
                    raise
                self._out.out("")
                self._note(str(error))

    def agree(self, plan: Plan) -> bool:
        """Show a proposal; True only when a person says yes to this one."""
        self._sign.hide()
        self._err.print(Text(f"Proposal: {without_commands(plan.title)}", style="bold"))
        for line in plan.difference:
            style = {"-": "red", "+": "green"}.get(line[:1], "")
            self._err.print(Text(f"  {without_commands(line)}", style=style))
        self._note(f"Reason: {plan.reason}")
        self._note(plan.cost)
        if not self.person:
            self._note("Nothing was changed: only a person at a terminal can say yes.")
            return False
        agreed = self._yes("Do it?")
        self._note("" if agreed else "Nothing was changed.")
        return agreed

    def part(self, talk: Conversation, ledger: Ledger, *, kept: bool) -> None:
        """What the study has cost by now, and how to go on."""
        if not (self._asks and self.person):
            return
        totals = ledger.totals
        where = f" Kept with the study as {talk.id}; --resume goes on." if kept and talk.turns else ""
        whole = "the study with its conversations" if kept else "the conversation"
        self._note(f"Calls of {whole}: {totals.calls}, {money(totals)}.{where}")

    def _answer(self, talk: Conversation, question: str) -> None:
        """Show an answer as it comes: rendered paragraph by paragraph on a terminal, as it is in a pipe."""
        cleaner, blocks = StreamedText(), Blocks()
        self._sign.show(f"waiting for {talk.model}")
        try:
            with contextlib.closing(talk.ask(question)) as events:
                for event in events:
                    self._tell(event, cleaner, blocks)
                    self._sign.show(f"{talk.model} answers", blocks.held if self._rendered else "")
        finally:
            self._show(cleaner.rest(), blocks, ended=True)
            self._sign.hide()

    def _tell(self, event: Event, cleaner: StreamedText, blocks: Blocks) -> None:
        if isinstance(event, Said):
            self._show(cleaner(event.text), blocks)
            return
        self._show(cleaner.rest(), blocks, ended=True)
        match event:
            case Looked(name, arguments) if name not in ACTIONS:
                self._note(f"[looks up: {name} {arguments}]")
            case Notice(text):
                self._note(f"({text})")

    def _show(self, text: str, blocks: Blocks, *, ended: bool = False) -> None:
        for part in (blocks.whole if self._rendered else blocks.raw)(text, ended=ended):
            self._sign.hide()
            if self._rendered:
                self._out.print(Markdown(part, hyperlinks=False))
            else:
                self._out.out(part, end="")

    def _yes(self, question: str) -> bool:
        """Ask a person. What was typed before the question is no answer to it."""
        self._sign.hide()
        with contextlib.suppress(ImportError, OSError):
            import termios

            termios.tcflush(sys.stdin, termios.TCIFLUSH)
        try:
            return input(f"{without_commands(question)} [y/N] ").strip().lower() in ("y", "yes")
        except EOFError:
            return False

    def _note(self, text: str) -> None:
        self._sign.hide()
        self._err.print(inert(without_commands(text), "dim"), soft_wrap=not self._err.is_terminal)


class Sign:
    """Something that moves on standard error while the model is waited for; nothing in a log.

    It takes no part in what is printed, so that an answer goes where it should: hide it before printing.
    """

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._live: Live | None = None

    def show(self, text: str, coming: str = "") -> None:
        """Say who is waited for, and what has come of a paragraph that has not ended."""
        if not is_animated(self._screen):
            return
        spinner = Spinner("dots", inert(text, "dim"))
        shown = Group(inert(coming[-COMING:].partition(" ")[2] if len(coming) > COMING else coming), spinner)
        if self._live is None:
            self._live = Live(shown, console=self._screen, transient=True, redirect_stdout=False, redirect_stderr=False)
            self._live.start()
        else:
            self._live.update(shown)

    def hide(self) -> None:
        """Take it off the screen."""
        if self._live:
            self._live.stop()
        self._live = None
