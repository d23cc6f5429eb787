"""Escaped HTML from results: pure functions."""
