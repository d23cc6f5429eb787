"""The address that a request comes from.

Visitors without a name are told apart by it. A cookie is made up in no time, an address is not:
shares of the queue, of uploads and of votes are those of an address where nobody has signed in.
"""

import ipaddress
from collections.abc import MutableMapping
from typing import Any

LOOPBACK = "loopback"
"""This machine itself: whoever sits at it, or a proxy that does not say for whom it asks."""
UNKNOWN = "unknown"
HOSTS_OF_ONE = 64
"""Bits of an IPv6 address that one customer is given; the rest they choose themselves."""


def address_of(scope: MutableMapping[str, Any], on_space: bool) -> str:
    """The address of a request's client.

    On a Space the last public one that its proxies name: what stands before that, anybody can have
    written. Elsewhere the connection's own. An IPv6 address is cut to its network.
    """
    if on_space:
        named = b",".join(value for name, value in scope.get("headers") or ()
                          if name == b"x-forwarded-for").decode("latin-1").split(",")
        for text in reversed(named):
            found = _parsed(text)
            if found is not None and found.is_global:
                return _network(found)
    client = scope.get("client")
    found = _parsed(str(client[0])) if client else None
    if found is None:
        return UNKNOWN
    return LOOPBACK if found.is_loopback else _network(found)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = text.strip()
    if text.startswith("["):  # [address]:port
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # address:port
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, HOSTS_OF_ONE), strict=False))
