"""Cross-validation of a run, fold by fold."""
