"""The data section of the Fine-tune tab."""
