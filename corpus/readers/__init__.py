"""Readers of data files and the Hub: bytes to rows.

Bounded, whatever they hold.
"""
