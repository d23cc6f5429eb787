"""Attacks on a running app, as raw HTTP: `python -m bench.attacks NAME --out FILE`.

It prints what it found, and writes it as JSON with what the machine was doing.
"""
