"""How a configuration becomes a number."""
