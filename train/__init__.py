"""Making a fine-tuned model, watching it, and publishing it."""

VERSION = "0.1.0"
"""Of Tandem, as run records and cards have it."""
