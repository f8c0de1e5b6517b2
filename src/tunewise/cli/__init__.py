"""The command `tunewise`: parse, call, print. One file per command."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command; Ctrl-C ends it in one line from the first moment on, also while its parts are loaded."""
    try:
        from tunewise.cli.app import main as run
    except KeyboardInterrupt:
        print("tunewise: interrupted.", file=sys.stderr)  # noqa: T201 - what prints for a person is not loaded yet
        sys.exit(130)
    run()
