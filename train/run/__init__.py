"""The run directory: what whoever trains writes for whoever watches."""
