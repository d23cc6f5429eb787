"""A Hub on loopback, for the unmodified client."""
