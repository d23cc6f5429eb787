"""The data check, before any training."""
