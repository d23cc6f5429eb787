"""Benchmarks, run by hand.

They print a table and write JSON; RESULTS.md keeps what was found.
"""
