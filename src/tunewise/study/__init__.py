"""Running a study: ask, evaluate, tell, survive, and go on."""
