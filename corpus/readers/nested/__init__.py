"""Nested layouts -> flat rows of pairs: pure functions of decoded JSON, Arrow or printed lists."""
