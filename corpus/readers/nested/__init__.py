"""Nested layouts -> flat rows of pairs.

Pure functions of decoded JSON, Arrow or printed lists.
"""
