"""Do a site's pages get into channels that need a grant, and nobody whom the site gave none?"""

import json
from collections.abc import Iterator

import pytest
from django.test import override_settings

from oyez import grants
from oyez.client import Event, Refused, listen
from oyez.django import events
from oyez.django.tag import Page, listen_element
from tests.daemon import Daemon
from tests.django.conftest import site_of
from tests.django.test_site import LQDOJ
from tests.django.test_tag import script

NOBODY = Page(None, None)


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    rules = [{"match": "ticket*", "listen": "grant"}]
    with Daemon(tmp_path_factory.mktemp("ruled"), settings={"channels": rules}) as daemon:
        yield daemon


@pytest.mark.parametrize("language", ["django", "jinja2"])
def test_a_page_follows_what_its_tag_grants(ruled: Daemon, language: str) -> None:
    with site_of(ruled):
        events.post("tickets", 1)
        element = script(language, '"tickets" "ticket-7" grant=pk', pk=42)
        names = json.loads(element["data-channels"] or "")
        event = next(listen(ruled.url, names))
        assert isinstance(event, Event)
        assert (event.channel, event.message) == ("tickets", 1)
        assert [grants.strip(name) for name in names] == ["tickets", "ticket-7"]
        assert all(name.split("!")[1].startswith("42.") for name in names)


@pytest.mark.parametrize("nobody", [None, "", False])
def test_who_is_not_logged_in_gets_no_grant(ruled: Daemon, nobody: object) -> None:
    with site_of(ruled):
        element = listen_element(NOBODY, ["tickets"], grant=nobody)
        assert "[&quot;tickets&quot;]" in element
        assert events.grant("tickets", None) == "tickets"
        with pytest.raises(Refused, match="needs a grant"):
            next(listen(ruled.url, "tickets"))


@override_settings(**{**LQDOJ, "EVENT_DAEMON_BACKEND": "memory", "EVENT_DAEMON_KEY": "key"})
def test_true_grants_to_nobody_in_particular() -> None:
    assert "[&quot;tickets!." in listen_element(NOBODY, ["tickets"], grant=True)


@override_settings(**{**LQDOJ, "EVENT_DAEMON_BACKEND": "memory", "EVENT_DAEMON_KEY": ""})
def test_without_a_key_the_page_is_written_all_the_same_and_lets_nobody_in() -> None:
    assert events.grant("tickets", 42) == "tickets"
    with pytest.raises(ValueError, match="the key is empty"):
        events.grant("tickets", 42, raise_errors=True)
    with override_settings(EVENT_DAEMON_USE=False):
        assert events.grant("tickets", 42) == "tickets"


def test_a_secret_name_is_the_same_for_the_same_parts_and_key_alone() -> None:
    name = events.secret_channel("user", 42)
    assert name == events.secret_channel("user", "42")
    assert name.startswith("user_42_")
    assert len(name) == len("user_42_") + 22
    assert events.secret_channel("a", "b_c")[-22:] != events.secret_channel("a_b", "c")[-22:]
    with override_settings(SECRET_KEY="another"):
        assert events.secret_channel("user", 42) != name


@pytest.mark.parametrize("language", ["django", "jinja2"])
@override_settings(**{**LQDOJ, "EVENT_DAEMON_BACKEND": "memory", "EVENT_DAEMON_KEY": "key"})
def test_a_tag_says_where_new_grants_come_from(language: str) -> None:
    element = script(language, '"tickets" grant=pk renew=address renew_after=1800', pk=42, address="/grants.json?a&b")
    assert (element["data-renew"], element["data-renew-after"]) == ("/grants.json?a&b", "1800")
    assert "data-renew-after" not in script(language, '"tickets" renew="/grants.json"')
    assert "data-renew" not in script(language, '"tickets" renew=unknown renew_after=1800')
