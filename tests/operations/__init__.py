"""A package, so that its conftest.py is not the one of the folder above."""
