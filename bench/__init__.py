"""Benchmarks, run by hand: they print a table and write JSON; RESULTS.md keeps what was found."""
