"""Language models: the protocol, the adapters, what calls cost, and how they are recorded."""
