"""What is searched and learned from.

Passages, queries, qrels, and how they are read and split.
"""
