"""Rows of any source to a corpus: preview, conversion, manifest."""
