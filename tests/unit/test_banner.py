"""Does the banner say what can be pasted, for every kind of address?"""

import pytest

from oyez.cli import banner
from oyez.settings import Settings

KEY = 'it\'s "a" [bold]key'
SETTINGS = Settings(key=KEY, dev=True)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://127.0.0.1:15100", "http://127.0.0.1:15100"),
        ("http://0.0.0.0:80", "http://127.0.0.1:80"),
        ("http://[::]:80", "http://[::1]:80"),
    ],
)
def test_settings_can_be_pasted(address: str, url: str) -> None:
    lines = [line.plain for line in banner.banner(SETTINGS, address)]
    assert f"Address  {address}" in lines
    assert any(line.startswith(f"Page     {url}/") for line in lines)
    pasted: dict[str, object] = {}
    exec("\n".join(line for line in lines if " = " in line), pasted)
    assert {name: value for name, value in pasted.items() if name.startswith("EVENT_DAEMON_")} == {
        "EVENT_DAEMON_USE": True,
        "EVENT_DAEMON_URL": url,
        "EVENT_DAEMON_PUBLIC_URL": url,
        "EVENT_DAEMON_KEY": KEY,
    }


def test_a_unix_socket_has_no_page() -> None:
    text = "\n".join(line.plain for line in banner.banner(SETTINGS, "unix:/run/oyez.sock"))
    assert "http+unix:///run/oyez.sock" in text
    assert "Page" not in text
    assert "EVENT_DAEMON" not in text


def test_it_is_plain_where_it_is_not_a_terminal() -> None:
    shown = banner.render(SETTINGS, "http://127.0.0.1:15100")
    assert f"Key      {KEY}\n" in shown
    assert "\x1b" not in shown
