"""A server of the Model Context Protocol: agents look into studies, ask, tell and propose."""
