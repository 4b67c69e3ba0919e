"""Which contest is on."""

from judge import channels
from judge.models import Contest
from oyez.django import events


def current_contest():
    """Return the contest that is on; begin the next one, and tell the last one's viewers, if it is over."""
    newest = Contest.objects.order_by("-pk").first()
    if newest and not newest.is_over:
        return newest
    number = newest.pk + 1 if newest else 1
    contest, is_new = Contest.objects.get_or_create(key=f"round{number}", defaults={"title": f"Round {number}"})
    if is_new and newest:
        events.post(channels.of_contest(newest.key), {"type": "contest-over"})
    return contest
