"""Tests of the page that `report` writes, in a real browser."""
