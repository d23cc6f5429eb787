"""Finding passages with a model, and judging how well."""
