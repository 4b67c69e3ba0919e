"""Does the tag write what event.js reads, in both template languages, safe against any channel's name?"""

import asyncio
import json
import time
import uuid
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpRequest
from django.template import engines
from django.test import Client, RequestFactory, override_settings
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from oyez.django import events
from oyez.django.position import atake_position, take_position
from oyez.django.tag import Page, listen_element
from tests.api import history
from tests.daemon import Daemon
from tests.django.test_events import NOWHERE
from tests.django.test_site import DMOJ, LQDOJ

LANGUAGES = ["django", "jinja2"]
SOURCES = {"django": "{{% load oyez %}}{{% {} {} %}}", "jinja2": "{{{{ {}({}) }}}}"}


class Elements(HTMLParser):
    """Collects script elements, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"script", "title"}, tag
        if tag == "script":
            names = [name for name, _ in attrs]
            assert len(names) == len(set(names))
            self.scripts.append(dict(attrs))


def scripts(html: str) -> list[dict[str, str | None]]:
    elements = Elements()
    elements.feed(html)
    elements.close()
    return elements.scripts


def render(
    language: str, arguments: str, context: dict[str, Any], request: HttpRequest | None = None, tag: str = "oyez_listen"
) -> str:
    separator = " " if language == "django" else ", "
    source = SOURCES[language].format(tag, separator.join(arguments.split()))
    return engines[language].from_string(source).render(context, request).strip()


def script(language: str, arguments: str, request: HttpRequest | None = None, **context: Any) -> dict[str, str | None]:
    (found,) = scripts(render(language, arguments, context, request))
    return found


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@override_settings(**LQDOJ, EVENT_DAEMON_BACKEND="memory")
def test_it_writes_all_that_the_script_needs(language: str) -> None:
    newest = events.last()
    assert script(language, '"submissions" own', own="sub_42") == {
        "src": "/static/oyez/event.js",
        "defer": None,
        "data-oyez": None,
        "data-url": "https://judge.example",
        "data-channels": '["submissions", "sub_42"]',
        "data-last": str(newest),
    }


@override_settings(**DMOJ, EVENT_DAEMON_BACKEND="memory")
def test_the_addresses_fit_the_page(language: str) -> None:
    plain = script(language, '"news"', RequestFactory().get("/"))
    assert (plain["data-url"], plain["data-poll"]) == ("ws://judge.example/event/", "/channels/")
    secure = script(language, '"news"', RequestFactory().get("/", secure=True))
    assert (secure["data-url"], secure["data-poll"]) == ("wss://judge.example/event/", "/channels/")


@override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_BACKEND="memory")
def test_without_a_public_address_it_is_the_pages_own_origin(language: str) -> None:
    assert script(language, '"news"')["data-url"] == ""


@override_settings(**LQDOJ, EVENT_DAEMON_BACKEND="memory")
@pytest.mark.parametrize(
    ("given", "channels"),
    [
        (["a", "b"], ["a", "b"]),
        (("a", ["b", ("c",)]), ["a", "b", "c"]),
        (gettext_lazy("news"), ["news"]),
        (17, ["17"]),
        ("twice", ["twice"]),
        ('"><script>alert(1)</script>', ['"><script>alert(1)</script>']),
        (mark_safe("' onload='x"), ["' onload='x"]),
        ("a\u2028</script>b&amp;", ["a\u2028</script>b&amp;"]),
        ("kênh", ["kênh"]),
    ],
)
def test_channels_arrive_as_they_are_and_break_out_of_nothing(language: str, given: Any, channels: list[str]) -> None:
    element = script(language, "given given", given=given)
    assert json.loads(element["data-channels"] or "") == channels
    assert element.keys() == {"src", "defer", "data-oyez", "data-url", "data-channels", "data-last"}


@override_settings(**LQDOJ, EVENT_DAEMON_BACKEND="memory")
def test_a_setting_cannot_break_out_either(language: str) -> None:
    with override_settings(EVENT_DAEMON_PUBLIC_URL='https://x"><script>'):
        assert script(language, '"news"')["data-url"] == 'https://x"><script>'


@override_settings(**LQDOJ, EVENT_DAEMON_BACKEND="memory")
@pytest.mark.parametrize("given", [None, "", []])
def test_without_a_channel_there_is_nothing_to_follow(language: str, given: object) -> None:
    assert render(language, "given unknown", {"given": given}) == ""


@override_settings(EVENT_DAEMON_USE=False)
def test_a_site_that_uses_no_events_follows_none(language: str) -> None:
    assert render(language, '"news"', {}) == ""
    assert scripts(render(language, "", {}, tag="oyez_script")), "pages that use EventReceiver must not fail"


@override_settings(**LQDOJ, EVENT_DAEMON_BACKEND="memory")
def test_the_position_may_be_given(language: str) -> None:
    assert script(language, '"news" last=last_msg', last_msg=1795391142426)["data-last"] == "1795391142426"
    assert script(language, '"news" last=last_msg', last_msg=0)["data-last"] == "0"


def test_a_page_is_rendered_though_the_daemon_is_away(language: str) -> None:
    with override_settings(**{**LQDOJ, "EVENT_DAEMON_URL": NOWHERE, "EVENT_DAEMON_RAISE_ERRORS": True}):
        before = int(time.time() * 1000)
        position = int(str(script(language, '"news"')["data-last"]))
    assert before - 120_000 < position < before - 30_000, "no page may begin later than its data was read"


def test_a_page_of_a_site_without_events_has_no_position(language: str) -> None:
    with override_settings(**{**LQDOJ, "EVENT_DAEMON_USE": False}):
        assert events.last() == 0


class OwnNonce(SimpleLazyObject):  # type: ignore[type-arg]  # generic for the type checker only
    """As Django 6 has it: false until it was read."""

    def __bool__(self) -> bool:
        return False


@override_settings(**LQDOJ, EVENT_DAEMON_BACKEND="memory")
@pytest.mark.parametrize("tag", ["oyez_listen", "oyez_script"])
def test_the_pages_nonce_is_found(language: str, tag: str) -> None:
    def nonce(arguments: str, context: dict[str, Any], **attributes: Any) -> str | None:
        request = RequestFactory().get("/")
        request.__dict__.update(attributes)
        channels = '"news" ' if tag == "oyez_listen" else ""
        (element,) = scripts(render(language, channels + arguments, context, request, tag))
        return element.get("nonce", "none")

    assert nonce("", {}) == "none"
    assert nonce("", {}, csp_nonce=SimpleLazyObject(lambda: "of-django-csp")) == "of-django-csp"
    assert nonce("", {"csp_nonce": OwnNonce(lambda: "of-django-6")}) == "of-django-6"
    assert nonce("", {}, _csp_nonce=OwnNonce(lambda: "of-django-6")) == "of-django-6"
    assert nonce('nonce="given"', {"csp_nonce": "of-django-6"}) == "given"
    assert nonce('nonce=""', {"csp_nonce": "of-django-6"}) == "none"


@override_settings(**LQDOJ, EVENT_DAEMON_BACKEND="memory")
def test_options_of_the_script_are_passed_on(language: str) -> None:
    flag = {"django": "True", "jinja2": "true"}[language]
    element = script(language, f'"news" badge={flag} share={flag}')
    assert {"data-badge", "data-share"} <= element.keys()
    assert not {"data-badge", "data-share"} & script(language, '"news"').keys()
    never = {"django": "False", "jinja2": "false"}[language]
    assert script(language, f'"news" share={never}')["data-share"] == "false"


@override_settings(**LQDOJ, STATIC_URL="https://static.example/a&b/")
def test_the_script_alone_comes_from_the_static_files(language: str) -> None:
    assert scripts(render(language, "", {}, tag="oyez_script")) == [{"src": "https://static.example/a&b/oyez/event.js"}]


def test_django_finds_the_script() -> None:
    assert finders.find("oyez/event.js")


@pytest.mark.parametrize("early", [True, False])
def test_the_position_is_taken_once_and_as_early_as_the_view_asks(site: Daemon, language: str, early: bool) -> None:
    channel = f"tag-{uuid.uuid4()}"
    html = Client().get(f"/{language}/", {"channel": channel, **({"early": "1"} if early else {})}).content.decode()
    first, second = scripts(html)
    (event,) = history(site, channel)["events"]
    assert first["data-last"] == second["data-last"]
    assert (int(first["data-last"] or "") < event["id"]) == early


def test_asynchronous_views_take_it_too(site: Daemon) -> None:
    request = RequestFactory().get("/")
    position = asyncio.run(atake_position(request))
    assert events.post("news", 1) > position > 0
    assert take_position(request) == asyncio.run(atake_position(request)) == position


def test_any_iterable_is_a_list_of_channels() -> None:
    with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_BACKEND="memory"):
        element = listen_element(Page(None, None), [(name for name in ("a", "b")), {"c": 1}.keys()])
    assert "[&quot;a&quot;, &quot;b&quot;, &quot;c&quot;]" in element
