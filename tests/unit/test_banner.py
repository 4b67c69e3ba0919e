"""Does the banner say what can be pasted, for every kind of address?"""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest

from oyez.cli import banner
from oyez.cli.colours import plain
from oyez.config.tree import Settings

KEY = 'it\'s "a" [bold]key'
SETTINGS = Settings(key=KEY, dev=True)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://127.0.0.1:15100", "http://127.0.0.1:15100"),
        ("http://192.0.2.7:80", "http://192.0.2.7:80"),
        ("http://[2001:db8::7]:80", "http://[2001:db8::7]:80"),
    ],
)
def test_settings_can_be_pasted(address: str, url: str) -> None:
    lines = [plain(*line) for line in banner.banner(SETTINGS, address)]
    assert f"Address  {url}" in lines
    assert any(line.startswith(f"Page     {url}/") for line in lines)
    pasted: dict[str, object] = {}
    exec("\n".join(line for line in lines if " = " in line), pasted)
    assert {name: value for name, value in pasted.items() if name.startswith("EVENT_DAEMON_")} == {
        "EVENT_DAEMON_USE": True,
        "EVENT_DAEMON_URL": url,
        "EVENT_DAEMON_PUBLIC_URL": url,
        "EVENT_DAEMON_KEY": KEY,
    }


@pytest.mark.parametrize(("address", "loopback"), [("http://0.0.0.0:80", "127.0.0.1"), ("http://[::]:80", "[::1]")])
def test_what_is_everywhere_is_shown_where_others_can_open_it(address: str, loopback: str) -> None:
    def page(key: str) -> str:
        lines = [plain(*line) for line in banner.banner(Settings(key=key, dev=True), address)]
        shown = next(line for line in lines if line.startswith("Page")).split()[1]
        assert f"Address  {shown.rstrip('/')}" in lines
        return shown

    from_afar = urlsplit(page(KEY))
    assert from_afar.port is None or from_afar.port == 80
    host = from_afar.hostname or ""
    assert not ip_address(host).is_unspecified
    if not ip_address(host).is_loopback:  # this machine has an address, so one can listen and be reached there
        with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
            socket.create_connection(listener.getsockname()[:2], timeout=10).close()
    assert page("lqdoj") == f"http://{loopback}:80/"  # a key that everyone knows is good here only


def test_a_unix_socket_has_no_page() -> None:
    text = "\n".join(plain(*line) for line in banner.banner(SETTINGS, "unix:/run/oyez.sock"))
    assert "http+unix:///run/oyez.sock" in text
    assert "Page" not in text
    assert "EVENT_DAEMON" not in text


def test_it_is_plain_where_it_is_not_a_terminal() -> None:
    shown = banner.render(SETTINGS, "http://127.0.0.1:15100")
    assert f"Key      {KEY}\n" in shown
    assert "\x1b" not in shown
