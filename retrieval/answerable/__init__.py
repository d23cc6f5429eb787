"""Whether a corpus is likely to answer a question."""
