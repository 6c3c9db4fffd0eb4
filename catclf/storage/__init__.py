"""Files: inputs opened safely, outputs written whole or not at all, and two formats."""
