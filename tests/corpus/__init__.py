"""Files that tests read, good and bad, made from scratch."""
