"""To the Hub.

What is sent, whether it may be, in one commit, and whether it arrived whole.
"""
