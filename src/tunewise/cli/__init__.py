"""The command `tunewise`: parse, call, print. One file per command."""

import gc
import sys

__all__ = ["main"]

SELDOM = 50_000
"""Objects between two searches for cycles: what is loaded and read stays, and Python's 700 took a fifth of the time."""


def main() -> None:
    """Run the command; Ctrl-C ends it in one line from the first moment on, also while its parts are loaded."""
    gc.set_threshold(SELDOM)
    try:
        from tunewise.cli.app import main as run
    except KeyboardInterrupt:
        print("tunewise: interrupted.", file=sys.stderr)  # noqa: T201 - what prints for a person is not loaded yet
        sys.exit(130)
    run()
