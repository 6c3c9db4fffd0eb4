"""Generated bad files, and mutations of good ones."""
