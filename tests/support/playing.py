"""A proposer played by hand: requests come out, replies go in, no model anywhere."""

from __future__ import annotations

from tunewise.errors import ModelError
from tunewise.models import ChatReply, ChatRequest
from tunewise.proposers import Proposal, ProposalContext, Proposer

Reply = str | ChatReply | ModelError


def play(proposer: Proposer, context: ProposalContext, *replies: Reply) -> tuple[Proposal, list[ChatRequest]]:
    """Send these replies, all of which must be needed; returns the proposal and what was asked."""
    asking, requests, left = proposer.propose(context), [], list(replies)
    try:
        request = next(asking)
        while True:
            requests.append(request)
            reply = left.pop(0)
            if isinstance(reply, ModelError):
                request = asking.throw(reply)
            else:
                request = asking.send(ChatReply(text=reply, model="m") if isinstance(reply, str) else reply)
    except StopIteration as done:
        assert not left
        proposal: Proposal = done.value
        return proposal, requests


def told(request: ChatRequest) -> str:
    """The last thing that was said."""
    assert request.messages[-1].role == "user"
    return request.messages[-1].content
