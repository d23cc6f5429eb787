"""What is searched and learned from: passages, queries, qrels, and how they are read and split."""
