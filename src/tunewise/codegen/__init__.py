"""Models that a language model writes, and tunes by calling its own function."""
