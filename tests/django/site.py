"""A site of one page, in both template languages."""

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from oyez.django import events
from oyez.django.position import take_position

TEMPLATES = {
    "django": "{% load oyez %}<title>news</title>{% oyez_listen channel %}{% oyez_listen channel %}",
    "jinja2": "<title>news</title>{{ oyez_listen(channel) }}{{ oyez_listen(channel) }}",
}


def page(request: HttpRequest, language: str) -> HttpResponse:
    """Render a page whose data is read, and changed, before the template is rendered."""
    if "early" in request.GET:
        take_position(request)
    channel = request.GET["channel"]
    events.post(channel, "posted between reading and rendering")
    return HttpResponse(engines[language].from_string(TEMPLATES[language]).render({"channel": channel}, request))


urlpatterns = [path("<slug:language>/", page)]
