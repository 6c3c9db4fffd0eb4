"""Tests of catclf.sources."""
