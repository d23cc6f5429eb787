"""Making a fine-tuned model, watching it being made, and publishing it."""
