"""Contract suites, simulated models and a server that misbehaves. Imported by tests only."""
