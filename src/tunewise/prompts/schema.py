"""The JSON Schema of a reply, for servers that can hold a model to it. A wish: `parse_reply` checks all the same."""

from __future__ import annotations

from typing import Any

from tunewise.space import SearchSpace

MAX_ANALYSIS = 600
MAX_REASON = 200


def reply_schema(space: SearchSpace, *, reasoning: bool) -> dict[str, Any]:
    """Strict schema: every key is required; one that may not exist under its condition may be null."""
    configuration = strict_object({name: h.schema() for name, h in space.items()})
    if not reasoning:
        return configuration
    return strict_object({"analysis": {"type": "string", "maxLength": MAX_ANALYSIS}, "configuration": configuration})


def batch_schema(space: SearchSpace, *, most: int, reasoning: bool) -> dict[str, Any]:
    """Strict schema of some configurations, each with its reason: of several a list, of one the object itself."""
    one: dict[str, Any] = {
        "reason": {"type": "string", "maxLength": MAX_REASON},
        "configuration": reply_schema(space, reasoning=False),
    }
    several = {"type": "array", "items": strict_object(one), "minItems": 1, "maxItems": most}
    analysis = {"analysis": {"type": "string", "maxLength": MAX_ANALYSIS}} if reasoning else {}
    return strict_object({**analysis, **({"candidates": several} if most > 1 else one)})


def strict_object(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
