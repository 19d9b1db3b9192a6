from __future__ import annotations

import pytest

from nnanim.watching.access import Access

HERE = Access.of(None, 8123)
OPEN = Access.of("trainer.example", 8123)


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost:8123", "LocalHost:8123", "[::1]:8123"])
def test_this_computer_may_ask(host: str) -> None:
    assert HERE.why_refused([host], None, {}) is None
    assert HERE.why_refused([host], f"http://{host}", {}) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8123",
        "localhost.evil.example:8123",
        "localhost",
        "localhost:80",
        "192.168.0.7:8123",
        "evil.example@localhost:8123",
        "localhost:8123/",
        "localhost:8123#",
        "[::1:8123",
        "localhost:port",
        "",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    assert HERE.why_refused([host], None, {}) == "this server has another name"


def test_one_name_is_needed() -> None:
    assert HERE.why_refused([], None, {}) is not None
    assert HERE.why_refused(["localhost:8123", "localhost:8123"], None, {}) is not None


@pytest.mark.parametrize("origin", ["http://evil.example", "https://localhost:8123", "http://localhost:1", "null", ""])
def test_other_pages_are_refused(origin: str) -> None:
    assert HERE.why_refused(["localhost:8123"], origin, {}) == "only the page itself may ask"


def test_on_port_80_browsers_name_none() -> None:
    assert Access.of(None, 80).why_refused(["localhost"], None, {}) is None


def test_other_computers_need_the_token() -> None:
    assert OPEN.token is not None
    assert len(OPEN.token) >= 20
    assert f"?token={OPEN.token}" in OPEN.address
    for host in ("trainer.example:8123", "192.168.0.7:8123", "localhost:8123"):
        assert OPEN.why_refused([host], None, {"token": OPEN.token}) is None
        for wrong in ({}, {"token": ""}, {"token": OPEN.token[:-1]}, {"token": "ü"}):
            assert "lacks its token" in str(OPEN.why_refused([host], None, wrong))
    assert OPEN.why_refused(["evil.example:8123"], None, {"token": OPEN.token}) == "this server has another name"


def test_each_start_has_a_token_of_its_own() -> None:
    assert Access.of("0.0.0.0", 1).token != Access.of("0.0.0.0", 1).token


def test_addresses() -> None:
    assert HERE.address == "http://127.0.0.1:8123/"
    assert "http://[2001:db8::1]:8123/?token=" in Access.of("2001:db8::1", 8123).address
    assert "0.0.0.0" not in Access.of("0.0.0.0", 8123).address
