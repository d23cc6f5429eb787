"""Runs that tests start, play, or find finished."""
