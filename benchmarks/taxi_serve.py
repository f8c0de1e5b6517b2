"""Serves the script that writes taxi programs like a language model, so that anybody can try `tunewise generate`.

It prints the options that lead to it; each start begins with its first program again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

from taxi_players import code_player
from tunewise.llm import ChatRequest, Message, Tool
from tunewise.testing.server import Exchange, FaultServer, Received, completion, tool_call


def main() -> None:
    """Answer until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    player = code_player()

    def play(exchange: Exchange, received: Received) -> None:
        asked = received.json
        messages = tuple(Message(m["role"], m["content"]) for m in asked["messages"])
        tools = tuple(
            Tool(name=t["function"]["name"], description="", schema=t["function"]["parameters"])
            for t in asked.get("tools", ())
        )
        answer = player.complete(ChatRequest(messages=messages, tools=tools))
        calls = [tool_call(c.name, json.loads(c.arguments), number=i) for i, c in enumerate(answer.tool_calls)]
        more: dict[str, Any] = {"tool_calls": calls} if calls else {}
        exchange.send(200, json.dumps(completion(answer.text, **more)))

    os.environ.setdefault("OPENAI_API_KEY", "none")
    with FaultServer(then=play) as server:
        print(f"--model script --base-url {server.base_url}", flush=True)
        while True:
            time.sleep(60)


if __name__ == "__main__":
    main()
