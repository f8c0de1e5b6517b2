"""A conversation about a study or a training problem."""
