"""Weights of a fine-tuned model merged with its base's."""
