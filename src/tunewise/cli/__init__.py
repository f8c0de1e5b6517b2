"""The command `tunewise`: parse, call, print. One file per command."""

from tunewise.cli.app import main

__all__ = ["main"]
