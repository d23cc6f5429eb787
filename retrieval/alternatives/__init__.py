"""What could ship instead of a fine-tuned model."""
