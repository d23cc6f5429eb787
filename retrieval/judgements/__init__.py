"""Relevance judgements of people, beside the data's qrels."""
