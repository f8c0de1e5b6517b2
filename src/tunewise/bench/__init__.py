"""How proposers are compared: problems, baselines, measures."""
