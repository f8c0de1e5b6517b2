"""Reading replies as chat models really write them. Nothing in a reply is ever evaluated.

A reply may hold thoughts, an analysis, code fences, prose, several drafts, and JSON of any handwriting. `parse_reply`
finds the object that is meant and sends it through the space's one gate.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tunewise.errors import InvalidReply
from tunewise.plain import Plain
from tunewise.prompts.relaxed import Broken, Scan, scan
from tunewise.prompts.thoughts import final_answer
from tunewise.secrets import mask
from tunewise.space import Configuration, Repair, SearchSpace, Value
from tunewise.space.values import normalized
from tunewise.text import clip, shorten

__all__ = ["ParsedBatch", "ParsedReply", "parse_batch", "parse_reply"]

MAX_CHARACTERS = 200_000  # a configuration takes hundreds; of a longer reply the two ends are read
MAX_DEPTH = 8
MAX_REASON = 1_000
MAX_BATCH = 16  # configurations of one reply that are read
MAX_TRIED = 64  # objects that are tried as a configuration although they name no hyperparameter
REMARKS = re.compile(
    r"boldness|reasons?|reasoning|rationale|explanation|analysis|thoughts?|changes?|comment|notes?|name|id",
    re.IGNORECASE,
)
"""Keys that may stand beside hyperparameters and say something about them."""
FINAL = re.compile(r"\b(?:final\w*|answer|configuration|config|output|chosen|submit|proposal)\b", re.IGNORECASE)
REJECTED = re.compile(
    r"\b(?:reject\w*|drafts?|discard\w*|not|never|avoid\w*|instead of|worse|previous\w*|earlier|old|bad|alternativ\w*"
    r"|considered|example|wrong)\b|n't\b",
    re.IGNORECASE,
)
DISCARDED = re.compile(r"reject|discard|\bdrafts?\b", re.IGNORECASE)
CLAUSE = re.compile(r"[.!?;]\s|\n")
END = re.compile(r"[\s`.!)}*_]*(?:<\|[^|\n]{1,40}\|>\s*)*")


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """What a reply says.

    Attributes:
        configuration: Allowed in the space.
        repairs: What had to be changed to make it so.
        reason: The analysis that came with it, at most 1,000 characters.
        note: Which keys were dropped because the space does not have them; empty when none was.
    """

    configuration: Configuration
    repairs: tuple[Repair, ...] = ()
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ParsedBatch:
    """What a reply with several configurations says.

    Attributes:
        replies: The configurations that can be used, in the model's order.
        objections: What is wrong with the others.
    """

    replies: tuple[ParsedReply, ...]
    objections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """An object that names a hyperparameter.

    Attributes:
        part: The object.
        around: The object that says why; `part` itself where none does.
        label: The clause before it, as far back as the object before; of an inner one its key.
        before: All that stands before it.
        start: Where the whole object at top level begins.
        end: Where that ends.
    """

    part: Mapping[str, Plain]
    around: Mapping[str, Plain]
    label: str
    before: str
    start: int
    end: int

    @property
    def final(self) -> bool:
        """Whether it is called the answer."""
        return FINAL.search(self.label) is not None and not self.rejected

    @property
    def rejected(self) -> bool:
        """Whether it is called something else."""
        return REJECTED.search(self.label) is not None


def parse_reply(text: str, space: SearchSpace) -> ParsedReply:
    """Read the configuration from a model's reply.

    The object that names a hyperparameter counts, at top level or inside another object (`{"analysis": ...,
    "configuration": {...}}`); where none names one, an object that fits the space as a whole (`{"x": [1, 2]}` for two
    numbers). Of several that differ, the one that is called the answer counts, or else the last, if it ends the reply
    and is not called a draft. A key that the space does not have is dropped.

    Args:
        text: The reply, of any length.
        space: The search space.

    Raises:
        InvalidReply: There is no such object, it is not clear which one is meant, it is cut off or cannot be read, or
            it does not fit the space. The message can be sent back to the model. No other error is ever raised.
    """
    text = readable(text)
    found = scan(text)
    drafts = drafts_in(text, found, space)
    last = drafts[-1].start if drafts else -1
    for broken in found.broken:
        refuse_broken(broken, text, after=last, space=space)
    if drafts:
        return read(chosen(drafts, text), space)
    for whole in reversed(found.objects[-MAX_TRIED:]):
        for part in parts(whole.value):
            with contextlib.suppress(InvalidReply):
                coerced = space.coerce(part)
                before = text[: whole.start]
                return ParsedReply(coerced.configuration, coerced.repairs, reason_of(whole.value, part, before))
    if found.objects:
        space.coerce(found.objects[-1].value)  # raises, and says what is wrong with it
    raise InvalidReply("The reply holds no JSON object.")


def parse_batch(text: str, space: SearchSpace, *, base: Mapping[str, Value] | None = None) -> ParsedBatch:
    """Read the configurations of a reply that may hold several; one alone counts, too.

    Every object that names a hyperparameter and is not called rejected counts, wherever it stands: in a list, under any
    key, one after the other, or complete in a text that is cut off later.

    Args:
        text: The reply, of any length.
        space: The search space.
        base: Values of the hyperparameters that an object leaves out.

    Raises:
        InvalidReply: Not one can be used; the message is fit for the model. No other error is ever raised for a text.
    """
    answer = readable(text)
    drafts = [draft for draft in drafts_in(answer, scan(answer), space) if not DISCARDED.search(draft.label)]
    replies: list[ParsedReply] = []
    objections: list[str] = []
    for draft in drafts[:MAX_BATCH]:
        try:
            replies.append(read(draft, space, base or {}))
        except InvalidReply as error:
            objections.append(str(error))
    if replies:
        return ParsedBatch(tuple(replies), tuple(objections))
    if objections:
        raise InvalidReply(objections[-1])
    return ParsedBatch((parse_reply(text, space),))


def readable(text: str) -> str:
    """What of a reply is read: not its thoughts, and of a very long one the two ends.

    Raises:
        InvalidReply: There is nothing to read.
    """
    if not isinstance(text, str) or not text.strip():
        raise InvalidReply("The reply was empty.")
    text = unquoted(final_answer(text))
    if len(text) > MAX_CHARACTERS:
        text = text[: MAX_CHARACTERS // 2] + "\n" + text[-MAX_CHARACTERS // 2 :]
    return text


def unquoted(text: str) -> str:
    r"""What a text of JSON says whose quotes are written `\"`: a reply that was put into JSON once more."""
    text = text.strip()
    if re.search(r'\{\s*\\"', text):
        with contextlib.suppress(ValueError):
            return str(json.loads(text if text.startswith('"') else f'"{text}"', strict=False))
    return text


def drafts_in(text: str, found: Scan, space: SearchSpace) -> list[Draft]:
    """All objects that name a hyperparameter, outermost only, in order."""
    drafts: list[Draft] = []
    after = 0
    for whole in found.objects:
        leading = re.sub(r"```\w*", " ", text[max(after, whole.start - 200) : whole.start]).rstrip()
        label = CLAUSE.split(leading)[-1]
        for key, around, part in configurations_in(whole.value, space):
            before = text[: whole.start]
            drafts.append(Draft(part, around, key or label, before, whole.start, whole.end))
        after = whole.end
    return drafts


def configurations_in(
    whole: Plain, space: SearchSpace, key: str = "", around: Mapping[str, Plain] | None = None, depth: int = 0
) -> Iterator[tuple[str, Mapping[str, Plain], Mapping[str, Plain]]]:
    """The objects that name a hyperparameter: the key under which each stands, the object that says why, and itself."""
    labelled = whole.get("configuration") if isinstance(whole, Mapping) and "configuration" not in space else None
    if isinstance(whole, Mapping) and isinstance(labelled, Mapping):  # whatever stands beside it
        if names_one(labelled, space):
            yield "configuration" if depth == 0 else key, whole, labelled
    elif isinstance(whole, Mapping) and names_one(whole, space):
        yield key, (around if around is not None and any(isinstance(v, str) for v in around.values()) else whole), whole
    elif depth < MAX_DEPTH and isinstance(whole, Mapping):
        for name, inner in whole.items():
            yield from configurations_in(inner, space, name, whole, depth + 1)
    elif depth < MAX_DEPTH and isinstance(whole, list):
        for inner in whole:
            yield from configurations_in(inner, space, key, around, depth + 1)
    elif depth < MAX_DEPTH and isinstance(whole, str) and whole.lstrip().startswith("{"):  # arguments of a tool
        for found in scan(whole).objects:
            yield from configurations_in(found.value, space, key, around, depth + 1)


def chosen(drafts: Sequence[Draft], text: str) -> Draft:
    """The draft that is meant.

    Raises:
        InvalidReply: There are several, and none is called the answer.
    """
    last = drafts[-1]
    for several in (drafts, [d for d in drafts if not d.rejected], [d for d in drafts if d.final]):
        if several and all(draft.part == several[-1].part for draft in several):
            return several[-1]
    end = END.match(text, last.end)
    if not last.rejected and last.label.strip(" ,\n") and end and end.end() == len(text):
        return last
    raise InvalidReply(
        f"The reply holds {len(drafts)} different configurations, and does not say which one is meant. Write only the "
        "one to be evaluated."
    )


def read(draft: Draft, space: SearchSpace, base: Mapping[str, Value] | None = None) -> ParsedReply:
    """A draft as a configuration.

    Args:
        draft: The draft.
        space: The search space.
        base: Values of what it leaves out; a null counts as left out then.

    Raises:
        InvalidReply: It does not fit the space.
    """
    names = {normalized(name): name for name in space}
    given: dict[str, Plain] = {}
    unknown: list[str] = []
    apart = draft.part is not draft.around
    for key, value in draft.part.items():
        name = key if key in space else names.get(normalized(key))
        if name is None:
            unknown += [] if REMARKS.fullmatch(key) else [key]
        elif base is None or value is not None or space[name].match(None) is None:
            given[key] = as_meant(value, space, name)
    try:
        coerced = space.coerce({**{k: v for k, v in (base or {}).items() if k not in given}, **given})
    except InvalidReply as error:
        listed = ", ".join(f'"{shorten(key)}"' for key in unknown[:5])
        raise InvalidReply(f"{error} Unknown keys: {listed}." if unknown else str(error)) from None
    beside = {k: v for k, v in draft.around.items() if (apart or k not in given) and k.lower() != "boldness"}
    reason = reason_of(beside, draft.part, "" if any(isinstance(v, str) for v in beside.values()) else draft.before)
    listed = ", ".join(shorten(key) for key in unknown[:5])
    note = f"The reply also set {listed}, which the search space does not have; that was dropped." if unknown else ""
    return ParsedReply(coerced.configuration, coerced.repairs, reason, note)


def as_meant(value: Plain, space: SearchSpace, name: str) -> Plain:
    """A percentage or a number in groups as a number, where only one reading lies within the bounds.

    Raises:
        InvalidReply: Both readings do, or none.
    """
    if not isinstance(value, str) or not space[name].ordered or len(value) > 64:
        return value
    text = value.strip().replace("\u2212", "-")
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?", text):
        return text.replace(",", "")
    if not text.endswith("%"):
        return text
    with contextlib.suppress(ValueError):
        number = float(text[:-1])
        fitting = [one for one in (number / 100, number) if not space[name].coerce(one)[1]]
        if len(fitting) == 1:
            return fitting[0]
        raise InvalidReply(
            f'The configuration is wrong: "{name}" must be a plain number, not {text}, which may mean {number / 100:g} '
            f"or {number:g}."
        )
    return value


def parts(whole: Plain, depth: int = 0) -> Iterator[Mapping[str, Plain]]:
    """An object and the objects inside it, outermost first."""
    if isinstance(whole, Mapping):
        yield whole
    if depth < MAX_DEPTH and isinstance(whole, Mapping | list):
        for inner in whole.values() if isinstance(whole, Mapping) else whole:
            yield from parts(inner, depth + 1)


def names_one(part: Mapping[str, Plain], space: SearchSpace) -> bool:
    """Whether a key is the name of a hyperparameter and its value is not an object that must be looked into."""
    return any(key in space and not isinstance(value, Mapping) for key, value in part.items())


def refuse_broken(broken: Broken, text: str, *, after: int, space: SearchSpace) -> None:
    """An object that cannot be read, stands last and names a hyperparameter, is what was meant."""
    tail = text[broken.start :] if broken.cut_off else text[broken.start : broken.at]
    if broken.start < after or not any(name in tail for name in space):
        return
    if broken.cut_off:
        raise InvalidReply("The JSON object is cut off before its end. Write less around it.")
    raise InvalidReply(f"The JSON object cannot be read: {broken.why}.")


def reason_of(whole: Mapping[str, Plain], part: Mapping[str, Plain], before: str) -> str:
    """The analysis, without secrets: texts beside the configuration in its object, else the prose before it."""
    beside = [v for v in whole.values() if isinstance(v, str)] if whole is not part else []
    text = " ".join((" ".join(beside) or re.sub(r"```\w*", " ", before)).split())
    text = re.sub(r"\b(?:next )?(?:configuration|config|output|json)\W*$", "", text, flags=re.IGNORECASE)
    text = re.sub(r"^\W*\b(?:analysis|reasoning|thought)\b[\"'*: ]*", "", text, flags=re.IGNORECASE)
    text = text.lstrip(" *#").rstrip(" *#[{(,\"'")
    return clip(mask(text[: 2 * MAX_REASON]), MAX_REASON)  # none that begins in what is kept is cut before it is known
