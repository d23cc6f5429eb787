"""How the page is served: requests, bounds, connections, log."""
