"""Whose a request is, by where it comes from."""

import pytest

from ui.serving.address import LOOPBACK, UNKNOWN, address_of


def scope(client=("10.0.0.7", 1), *forwarded):
    return {"client": client,
            "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded]}


@pytest.mark.parametrize("forwarded, address", [
    (["93.184.216.34"], "93.184.216.34"),
    (["1.1.1.1, 93.184.216.34"], "93.184.216.34"),  # what stands before it is made up
    (["1.1.1.1", "93.184.216.34, 10.0.0.1"], "93.184.216.34"),  # its proxies are not public
    (["93.184.216.34:4711"], "93.184.216.34"),
    (["[2a00:1450:4001:81b::200e]:443"], "2a00:1450:4001:81b::/64"),
    (["2a00:1450:4001:81b:1:2:3:4"], "2a00:1450:4001:81b::/64"),
    (["::ffff:93.184.216.34"], "93.184.216.34"),
    (["nonsense, 999.1.1.1, "], "10.0.0.7"),
    ([], "10.0.0.7"),
], ids=str)
def test_on_a_space_it_is_the_last_public_one_that_proxies_name(forwarded, address):
    assert address_of(scope(("10.0.0.7", 1), *forwarded), on_space=True) == address


def test_elsewhere_nobody_is_believed_about_it():
    assert address_of(scope(("192.168.1.5", 1), "93.184.216.34"), on_space=False) == "192.168.1.5"


@pytest.mark.parametrize("client, address", [
    (("127.0.0.1", 1), LOOPBACK), (("::1", 1), LOOPBACK), (None, UNKNOWN), (("x", 1), UNKNOWN)],
    ids=str)
def test_this_machine_and_nobody_have_names_of_their_own(client, address):
    assert address_of({"client": client, "headers": []}, on_space=False) == address
