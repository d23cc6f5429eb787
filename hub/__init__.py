"""The one way to the Hub: client, errors, accounts."""
