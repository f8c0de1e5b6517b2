"""Scripts that play a competent language model on the taxi trips: they show that the machinery runs, no more.

The one that writes code has a program that is broken, one that diverges, and good ones; it tunes by function calls.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tunewise.llm import ChatReply, ChatRequest, FunctionModel, ToolCall

BASELINE = '''
import torch
from torch import nn

def make_model_and_optimizer(
    depth: Annotated[int, Range(1, 5)] = 2,
    width: Annotated[int, Range(16, 256, log=True)] = 64,
    batch_size: Annotated[int, Range(32, 1024, log=True)] = 128,
    learning_rate: Annotated[float, Range(1e-5, 1e-1, log=True)] = 1e-3,
    weight_decay: Annotated[float, Range(1e-6, 1e-1, log=True)] = 1e-4,
):
    """The fixed space of the paper's baselines: a plain network and Adam.

    Args:
        depth: hidden layers
        width: units of each
        batch_size: rows of a training batch
        learning_rate: step size of Adam
        weight_decay: strength of the penalty on squared weights
    """
    layers, size = [], N_INPUTS
    for _ in range(depth):
        layers += [nn.Linear(size, width), nn.ReLU()]
        size = width
    model = nn.Sequential(*layers, nn.Linear(size, N_OUTPUTS))
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
'''

BROKEN = """
import torch
import pandas as pd

def make_model_and_optimizer(width: int = 64, learning_rate: float = 1e-3):
    model = torch.nn.Sequential(torch.nn.Linear(N_INPUTS, width), torch.nn.ReLU(), torch.nn.Linear(width, 1))
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate)
"""

SMOOTH = '''
import torch
from torch import nn

def make_model_and_optimizer(
    width: Annotated[int, Range(32, 384, log=True)] = 128,
    depth: Annotated[int, Range(1, 4)] = 2,
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.1,
    learning_rate: Annotated[float, Range(1e-4, 2e-2, log=True)] = 2e-3,
    weight_decay: Annotated[float, Range(1e-5, 1.0, log=True)] = 1e-2,
    batch_size: Annotated[int, Range(32, 512, log=True)] = 128,
):
    """A network with layer normalization, GELU and dropout, trained by AdamW.

    Args:
        width: units of a hidden layer
        depth: hidden layers
        dropout: share of units that are dropped in training
        learning_rate: step size of AdamW
        weight_decay: decoupled decay of the weights
        batch_size: rows of a training batch
    """
    layers, size = [], N_INPUTS
    for _ in range(depth):
        layers += [nn.Linear(size, width), nn.LayerNorm(width), nn.GELU(), nn.Dropout(dropout)]
        size = width
    model = nn.Sequential(*layers, nn.Linear(size, N_OUTPUTS))
    return model, torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
'''

DIVERGING = '''
import torch
from torch import nn

class Squared(nn.Module):
    def forward(self, x):
        return x * x

def make_model_and_optimizer(
    width: Annotated[int, Range(16, 256, log=True)] = 128,
    learning_rate: Annotated[float, Range(1e-3, 1.0, log=True)] = 0.4,
):
    """Squared units see products of inputs; plain stochastic gradient descent.

    Args:
        width: hidden units
        learning_rate: step size
    """
    model = nn.Sequential(nn.Linear(N_INPUTS, width), Squared(), nn.Linear(width, N_OUTPUTS))
    return model, torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
'''

WIDE_AND_DEEP = '''
import torch
from torch import nn

class WideAndDeep(nn.Module):
    def __init__(self, width, rank, dropout):
        super().__init__()
        self.linear = nn.Linear(N_INPUTS, N_OUTPUTS)
        self.left, self.right = nn.Linear(N_INPUTS, rank), nn.Linear(N_INPUTS, rank)
        self.deep = nn.Sequential(
            nn.Linear(N_INPUTS + rank, width), nn.LayerNorm(width), nn.SiLU(), nn.Dropout(dropout),
            nn.Linear(width, width), nn.LayerNorm(width), nn.SiLU(), nn.Dropout(dropout), nn.Linear(width, N_OUTPUTS),
        )

    def forward(self, x):
        pairs = self.left(x) * self.right(x)
        return self.linear(x) + self.deep(torch.cat([x, pairs], dim=1))

def make_model_and_optimizer(
    width: Annotated[int, Range(32, 384, log=True)] = 128,
    rank: Annotated[int, Range(4, 64, log=True)] = 16,
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.15,
    learning_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = 1e-3,
    weight_decay: Annotated[float, Range(1e-4, 1.0, log=True)] = 3e-2,
    batch_size: Annotated[int, Range(32, 512, log=True)] = 64,
):
    """Linear effects, products of a low-rank view of the zones, and a deep part on both.

    Args:
        width: units of a hidden layer
        rank: products of pairs
        dropout: share of units that are dropped in training
        learning_rate: step size of AdamW
        weight_decay: decoupled decay of the weights
        batch_size: rows of a training batch
    """
    model = WideAndDeep(width, rank, dropout)
    return model, torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
'''

RESIDUAL = '''
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.inner = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )

    def forward(self, x):
        return x + self.inner(x)

def make_model_and_optimizer(
    width: Annotated[int, Range(16, 192, log=True)] = 64,
    blocks: Annotated[int, Range(1, 4)] = 2,
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.2,
    learning_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = 1e-3,
    weight_decay: Annotated[float, Range(1e-4, 1.0, log=True)] = 0.1,
    batch_size: Annotated[int, Range(32, 512, log=True)] = 128,
):
    """Residual blocks with dropout, trained by AdamW.

    Args:
        width: units that the blocks share
        blocks: how many
        dropout: share of units that are dropped in training
        learning_rate: step size of AdamW
        weight_decay: decoupled decay of the weights
        batch_size: rows of a training batch
    """
    model = nn.Sequential(
        nn.Linear(N_INPUTS, width), *[Block(width, dropout) for _ in range(blocks)], nn.Linear(width, N_OUTPUTS)
    )
    return model, torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
'''

WRITTEN = (
    ("A small network should do.", BROKEN),
    ("A network with normalization and decoupled weight decay.", SMOOTH),
    ("Squared units, which see products of zones.", DIVERGING),
    (
        "Linear effects, products of zones and hours, and a deep part, since trips depend on pairs of zones.",
        WIDE_AND_DEEP,
    ),
    ("Residual blocks, which train well when they are small.", RESIDUAL),
)

CALLS: Mapping[str, list[dict[str, Any]]] = {
    RESIDUAL: [{"learning_rate": 5e-4, "dropout": 0.3}, {"width": 96}, {"blocks": 1, "batch_size": 64}],
    SMOOTH: [
        {"learning_rate": 1e-3, "dropout": 0.2},
        {"width": 256, "learning_rate": 1e-3},
        {"depth": 1, "weight_decay": 0.1},
        {"batch_size": 64, "learning_rate": 1e-3, "weight_decay": 0.1},
    ],
    WIDE_AND_DEEP: [
        {"dropout": 0.3, "weight_decay": 0.1},
        {"learning_rate": 5e-4, "rank": 32},
        {"batch_size": 128, "learning_rate": 1.5e-3},
        {"width": 256, "dropout": 0.4},
    ],
}

CONFIGURATIONS: tuple[dict[str, Any], ...] = (
    {"depth": 2, "width": 128, "batch_size": 128, "learning_rate": 1e-3, "weight_decay": 1e-5},
    {"depth": 3, "width": 128, "batch_size": 128, "learning_rate": 1e-3, "weight_decay": 1e-4},
    {"depth": 2, "width": 256, "batch_size": 128, "learning_rate": 5e-4, "weight_decay": 1e-4},
    {"depth": 2, "width": 128, "batch_size": 64, "learning_rate": 5e-4, "weight_decay": 1e-3},
    {"depth": 2, "width": 64, "batch_size": 64, "learning_rate": 2e-3, "weight_decay": 1e-3},
    {"depth": 1, "width": 256, "batch_size": 64, "learning_rate": 1e-3, "weight_decay": 1e-3},
    {"depth": 3, "width": 64, "batch_size": 128, "learning_rate": 2e-3, "weight_decay": 3e-3},
    {"depth": 2, "width": 96, "batch_size": 256, "learning_rate": 3e-3, "weight_decay": 1e-3},
    {"depth": 4, "width": 128, "batch_size": 128, "learning_rate": 5e-4, "weight_decay": 1e-3},
    {"depth": 1, "width": 128, "batch_size": 32, "learning_rate": 5e-4, "weight_decay": 3e-3},
)


def code_player() -> FunctionModel:
    """Writes its programs in order, and calls the function of the one at hand with its next ideas."""
    written = iter(WRITTEN)
    ideas = {code: iter(calls) for code, calls in CALLS.items()}

    def reply(request: ChatRequest) -> str | ChatReply:
        prompt = request.messages[-1].content
        if not request.tools:
            idea, code = next(written, WRITTEN[-1])
            return f"{idea}\n```python\n{code.strip()}\n```"
        (tool,) = request.tools
        at_hand = next((code for code in ideas if code.strip() in prompt), "")
        chosen = [idea for idea, _ in zip(ideas.get(at_hand, iter(())), range(2), strict=False)]
        calls = tuple(
            ToolCall(name=tool.name, arguments=json.dumps(arguments), id=str(i)) for i, arguments in enumerate(chosen)
        )
        return ChatReply(text="More regularization, then other step sizes.", model="script", tool_calls=calls)

    return FunctionModel(reply, name="script")


def configuration_player() -> FunctionModel:
    """Proposes its configurations in order."""
    ideas = iter(CONFIGURATIONS)
    return FunctionModel(lambda _: json.dumps(next(ideas, CONFIGURATIONS[-1])), name="script")
