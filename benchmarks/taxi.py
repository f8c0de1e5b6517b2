"""The paper's comparison on New York City's taxi trips, played by a script where no language model can be reached.

    python benchmarks/taxi.py --data-dir FOLDER                              # run the suite, then docs/results/taxi.md
    python benchmarks/taxi.py --data-dir FOLDER --prepare trips.parquet      # a table for `tunewise generate`
    python benchmarks/taxi.py --serve                                        # the script as a server, likewise

The script plays a competent model: it has a program that is broken, one that diverges, and good ones, and it tunes
them by calling their function. It shows that everything runs, and says nothing about language models; for those there
is `tunewise bench run taxi --model ...`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from itertools import islice, product
from pathlib import Path
from typing import Any

from tunewise.bench.methods import choose
from tunewise.bench.problems.taxi import find_trips
from tunewise.bench.report import write_report
from tunewise.bench.runner import run
from tunewise.bench.suites import Terms
from tunewise.cli.options import quiet_optuna
from tunewise.codegen.taxi import load_taxi
from tunewise.llm.base import ChatReply, ChatRequest, ToolCall
from tunewise.llm.scripted import FunctionModel
from tunewise.testing.server import FaultServer, answers

BUDGETS = (5, 10)
NOTE = (
    "The language model of this page is a script that plays a competent one. The page shows that the comparison runs "
    "end to end, with every evaluation trained for real. It says nothing about language models: what the script "
    "proposes was written by people."
)

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


def main() -> None:
    """Run what is missing in the records, then write the page; or what the options say instead."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="folder with nyc_green_2023")
    parser.add_argument("--records", type=Path, default=Path("taxi.jsonl"), help="read, and added to")
    parser.add_argument("--out", type=Path, default=Path("docs/results/taxi.md"))
    parser.add_argument("--prepare", type=Path, help="write the clean table to this file and end")
    parser.add_argument("--serve", action="store_true", help="answer like a server until interrupted")
    options = parser.parse_args()
    if options.serve:
        serve()
    elif options.prepare:
        import pyarrow.parquet

        pyarrow.parquet.write_table(load_taxi(find_trips(options.data_dir)), options.prepare)
    else:
        compare(options.data_dir, options.records)
        command = "python benchmarks/taxi.py --data-dir DATA"
        write_report([options.records], options.out, note=NOTE, commands=[command])


def compare(data_dir: Path | None, records: Path) -> None:
    """The suite; each run has a player that begins at its first idea."""
    quiet_optuna()
    common: dict[str, Any] = {"seeds": 1, "records": records, "terms": Terms(data_dir=data_dir)}
    run(["taxi"], choose("random,default+gp"), budgets=BUDGETS, **common)
    for method, budget in product(("compressed", "auto", "programs"), BUDGETS):
        run(["taxi"], choose(method), budgets=[budget], model=player(), **common)


def player() -> FunctionModel:
    """Writes its programs in order, calls the function of the one at hand, and proposes configurations in order."""
    written, proposed = iter(WRITTEN), iter(CONFIGURATIONS)
    ideas = {code.strip(): iter(calls) for code, calls in CALLS.items()}

    def reply(request: ChatRequest) -> str | ChatReply:
        prompt = request.messages[-1].content
        if request.tools:
            at_hand = next((code for code in ideas if code in prompt), "")
            calls = tuple(
                ToolCall(name=request.tools[0].name, arguments=json.dumps(arguments), id=str(i))
                for i, arguments in enumerate(islice(ideas.get(at_hand, iter(())), 2))
            )
            return ChatReply(text="More regularization, then other step sizes.", model="script", tool_calls=calls)
        if "make_model_and_optimizer" in prompt:
            idea, code = next(written, WRITTEN[-1])
            return f"{idea}\n```python\n{code.strip()}\n```"
        if '"candidates"' in prompt:  # one each time, so that ten are enough
            return json.dumps({"candidates": [{"reason": "A usual one.", "configuration": next(proposed)}]})
        return json.dumps(next(proposed))

    return FunctionModel(reply, name="script")


def serve() -> None:
    """Answer `tunewise generate`; each start begins with the first program again."""
    with FaultServer(then=answers(player())) as server:
        print(f"--model script --base-url {server.base_url}", flush=True)
        while True:
            time.sleep(60)


if __name__ == "__main__":
    main()
