"""How fast: a question, many at once, the start, indexing, search, growth.

Every figure is a ratio of two sides run in turn in one process, the median of at least seven.
"""
