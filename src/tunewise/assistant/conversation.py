"""A conversation: questions in, answers out piece by piece, every turn kept before anything follows from it.

No terminal here: whoever shows it iterates over the events of a turn, and answers `agree` when a proposal is made.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tunewise.assistant.actions import ACTIONS, Plan, blocks_in, plan_for
from tunewise.assistant.citations import doubts
from tunewise.assistant.digest import RulesView, data_for
from tunewise.assistant.facts import gather
from tunewise.assistant.study_file import about_study_files, asks_for_study_file
from tunewise.assistant.subject import Subject
from tunewise.assistant.tools import cut, lookups, read_arguments, tool_for
from tunewise.errors import InvalidReply, UsageError
from tunewise.llm.base import ChatReply, ChatRequest, Message, Tool, ToolCall
from tunewise.llm.calls import Call
from tunewise.llm.ledger import Ledger
from tunewise.llm.streaming import calls_tools
from tunewise.prompts.render import render
from tunewise.secrets import mask
from tunewise.space import SearchSpace
from tunewise.study.conversations import PROGRAM, Conversations, Turn
from tunewise.text import clip, encodable
from tunewise.tokens import estimate_tokens

__all__ = ["Conversation", "Event", "Looked", "Notice", "Said"]

MAX_ROUNDS = 8
"""How often a model may call tools before it has to answer."""
MAX_CALLS = 6
"""Calls of one reply that are answered."""
MAX_ARGUMENTS = 2_000
"""Characters of a call's arguments that are told to the model again."""
MAX_PLANS = 3
"""Proposals in one turn: a model that was led astray must not wear anybody down."""
MAX_QUESTION = 40_000
"""Characters of a question."""
MAX_OUTPUT = 1_500
CONTEXT = 16_000
"""Tokens of a request where the model does not say what it can read."""


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Looked:
    """A tool was called."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What the program has to say about an answer or a proposal."""

    text: str


Event = Said | Looked | Notice


class Conversation:
    """A conversation about a subject.

    Args:
        ledger: Who is asked, within which caps. What the study has spent must have been restored into it.
        subject: What it is about.
        agree: Shows a plan to the person; True only for a yes. Without it nobody agrees to anything.
        write_space: As for `plan_for`.
        resume: Id of a conversation of the study to go on with.
        may_ask: Whether somebody is there who can answer a question of the model.
        keep: Whether turns and calls are kept with the study; not those of a replay, which have been kept and paid.
    """

    def __init__(
        self,
        ledger: Ledger,
        subject: Subject,
        *,
        agree: Callable[[Plan], bool] | None = None,
        write_space: Callable[[SearchSpace], str] | None = None,
        resume: str | None = None,
        may_ask: bool = True,
        keep: bool = True,
    ) -> None:
        self._ledger = ledger
        self._subject = subject
        self._agree = agree or (lambda _: False)
        self._write_space = write_space
        self._may_ask = may_ask
        self._store = Conversations(subject.study if keep else None)
        self._tools = calls_tools(ledger.model)
        self._plans = 0
        self.id = resume or self._store.new_id()
        known = Conversations(subject.study).numbered(self.id) if resume else {}
        self.turns: list[Turn] = list(known.values())
        self._number = self._question = max(known, default=-1) + 1

    @property
    def model(self) -> str:
        """Name of who answers."""
        return self._ledger.model.name

    def ask(self, question: str) -> Generator[Event, None, None]:
        """Say something to the model; its answer comes as events.

        What came before an interruption is kept: of this generator's own, or by closing it.

        Raises:
            UsageError: The question is empty or too long.
            BudgetReached, ModelError: As for `Ledger.complete`.
        """
        question = question.strip()
        if not question or len(question) > MAX_QUESTION:
            raise UsageError(
                f"The question has {len(question)} characters; write 1 to {MAX_QUESTION}. Give a log with --log, and a "
                "script with --file."
            )
        self._subject = self._subject.fresh()
        self._plans = 0
        self._question = self._number
        self._keep(Message("user", question))
        for round_ in range(MAX_ROUNDS + 1):
            reply = yield from self._reply(may_call=round_ < MAX_ROUNDS)
            if reply.finish_reason == "interrupted":
                return
            calls = reply.tool_calls
            for call in calls:
                yield Looked(call.name, clip(call.arguments, 200))
                self._keep(Message("tool", cut(self._answer(call)), tool_call_id=call.id))
            if not calls:
                yield from self._conclude(reply)
                return

    def _reply(self, *, may_call: bool) -> Generator[Event, None, ChatReply]:
        """One reply of the model, kept as far as it came."""
        request = self._request()
        self._store.make_room(request)
        text = ""
        reading = self._ledger.stream(request, self._record)
        try:
            while not repeats(text):
                piece = next(reading)
                text += piece
                yield Said(piece)
            reading.close()
            reply = ChatReply(text=text, model=self._ledger.model.name, finish_reason="interrupted")
            yield Notice("The answer began to repeat itself and was stopped.")
        except StopIteration as done:
            reply = done.value
        except BaseException:
            reading.close()
            self._keep(Message("assistant", text or "(no answer)"), interrupted=True)
            raise
        calls = reply.tool_calls[:MAX_CALLS] if may_call else ()
        said = reply.text or ("" if calls else "(no answer)")
        self._keep(Message("assistant", said, tool_calls=calls), interrupted=reply.finish_reason == "interrupted")
        return replace(reply, tool_calls=calls)

    def _answer(self, call: ToolCall) -> str:
        """What a call gives: a lookup, or a person's decision about a proposal."""
        known = lookups(self._subject)
        try:
            if call.name in known:
                lookup = known[call.name]
                return lookup.read(self._subject, read_arguments(lookup.arguments, call)) or "(nothing)"
            if call.name in ACTIONS and self._subject.space is not None:
                return self._decide(call)
        except InvalidReply as error:
            return f"error: {error}"
        names = [*known, *(ACTIONS if self._subject.space is not None else ())]
        return f"error: there is no tool {clip(call.name, 60)!r}; there are {', '.join(names) or 'none'}"

    def _decide(self, call: ToolCall) -> str:
        """Show a proposal to the person; without a yes nothing is done."""
        if self._plans >= MAX_PLANS:
            raise InvalidReply(f"{MAX_PLANS} proposals were shown in this turn, which is enough; wait for the user")
        plan = plan_for(self._subject, read_arguments(ACTIONS[call.name][1], call), self._write_space)
        self._plans += 1
        if self._agree(plan) is not True:
            return "The user was shown this and did not say yes. Nothing was changed."
        done = plan.carry_out()
        self._subject = self._subject.fresh()
        return f"The user said yes. {done}"

    def _conclude(self, reply: ChatReply) -> Iterator[Event]:
        """Proposals that stand in the text, and doubts about what it cites."""
        if self._subject.space is not None:
            for call in blocks_in(reply.text)[:1]:
                decision = self._answer(call)
                self._keep(Message("user", f"{PROGRAM} {decision}"))
                yield Notice(decision)
        if reply.finish_reason == "length":
            yield Notice("The answer was cut off at its greatest length. Ask to go on.")
        if not reply.text.strip():
            yield Notice("The model gave no answer. Ask again, or choose another model.")
        for doubt in doubts(reply.text, self._subject):
            yield Notice(doubt)

    def _request(self) -> ChatRequest:
        """Rules and facts as they are now, the data, and as much of the conversation as fits."""
        context = self._ledger.model.context_tokens or CONTEXT
        most = min(MAX_OUTPUT, context // 4)
        said = [turn.message.content for turn in self.turns if turn.message.role == "user"]
        questions = [text for text in said if not text.startswith(PROGRAM)]
        file = about_study_files() if any(map(asks_for_study_file, questions[-3:])) else ""
        facts = gather(self._subject, questions)
        rules = render(RulesView(self._subject, facts, self._tools, self._may_ask, file))
        offered = self._offered() if self._tools else ()
        room = context - most - estimate_tokens(rules) - sum(60 + estimate_tokens(str(tool.schema)) for tool in offered)
        data = data_for(self._subject, max(200, min(4_000, room / 2)))
        kept = recent(self.turns, max(500, room - estimate_tokens(data)))
        first = Message("user", f"{data}\n\n{kept[0].content}" if data else kept[0].content)
        messages = (Message("system", rules), first, *kept[1:])
        bound = most if self._ledger.model.context_tokens else None  # thinking needs room
        return ChatRequest(messages=messages, tools=offered, max_output_tokens=bound)

    def _offered(self) -> tuple[Tool, ...]:
        found = [
            tool_for(name, lookup.description, lookup.arguments) for name, lookup in lookups(self._subject).items()
        ]
        if self._subject.space is not None:
            found += [tool_for(name, description, form) for name, (description, form) in ACTIONS.items()]
        return tuple(found)

    def _keep(self, message: Message, *, interrupted: bool = False) -> None:
        message = replace(message, content=mask(encodable(message.content)))
        turn = Turn(message, datetime.now(UTC).isoformat(timespec="seconds"), interrupted)
        self.turns.append(turn)
        self._store.add(self.id, self._number, turn)
        self._number += 1

    def _record(self, call: Call) -> None:
        self._store.add_call(self.id, call, self._question)


def repeats(text: str) -> bool:
    """Whether a text goes round in circles, as small models do until their greatest length."""
    return len(text) > 800 and text[-800:].count(text[-50:]) >= 6


def recent(turns: Sequence[Turn], room: float) -> list[Message]:
    """The end of a conversation that fits, from a question of the user's on; tool calls keep their answers."""
    messages = [as_sent(turn) for turn in turns]
    sizes = [
        estimate_tokens(m.content) + sum(estimate_tokens(c.arguments) + 20 for c in m.tool_calls) for m in messages
    ]
    starts = [number for number, message in enumerate(messages) if message.role == "user"]
    begin = next((start for start in starts if sum(sizes[start:]) <= room), starts[-1])
    excess = sum(sizes[begin:]) - room
    for number in range(begin, len(messages) - MAX_CALLS):  # a turn with many lookups: the latest ones stay
        if messages[number].role == "tool" and excess > 0:
            messages[number] = replace(messages[number], content="(left out, because it was long)")
            excess -= sizes[number]
    return complete(merged(messages[begin:]))


def as_sent(turn: Turn) -> Message:
    """A turn as the model is told of it."""
    message = turn.message
    calls = tuple(c if len(c.arguments) <= MAX_ARGUMENTS else replace(c, arguments="{}") for c in message.tool_calls)
    stopped = "\n(the user stopped this answer here)" if turn.interrupted else ""
    return replace(message, content=message.content + stopped, tool_calls=calls)


def merged(messages: Sequence[Message]) -> list[Message]:
    """Two things in a row that the user said are one: some servers refuse them otherwise."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role == "user":
            joined[-1] = Message("user", f"{joined[-1].content}\n\n{message.content}")
        else:
            joined.append(message)
    return joined


def complete(messages: Sequence[Message]) -> list[Message]:
    """Every tool call with its answer, also where an interruption came in between, and no answer without a call."""
    whole: list[Message] = []
    for number, message in enumerate(messages):
        if message.role == "tool":
            continue
        whole.append(message)
        if message.tool_calls:
            following = messages[number + 1 : number + 1 + len(message.tool_calls)]
            answers = {m.tool_call_id: m for m in following if m.role == "tool"}
            nothing = [Message("tool", "(not called)", tool_call_id=call.id) for call in message.tool_calls]
            whole.extend(answers.get(none.tool_call_id, none) for none in nothing)
    return whole
