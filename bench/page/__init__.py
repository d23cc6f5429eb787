"""How long a visitor waits for the page."""
