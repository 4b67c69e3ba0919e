"""The lobby, and questions to the jury."""

from django.db import transaction
from django.shortcuts import get_object_or_404, redirect, render

from judge import channels
from judge.models import ChatMessage, Ticket, TicketMessage
from judge.views.people import sign_in_to_post
from oyez.django import events
from oyez.django.position import take_position

ON_A_PAGE = 60


@sign_in_to_post
def lobby(request):
    text = request.POST.get("text", "").strip()[:200]
    if text:
        say(request.person, text)
        return redirect("lobby")
    newest = ChatMessage.objects.select_related("person").order_by("-pk")[:ON_A_PAGE]
    return render(request, "judge/lobby.html", {"messages": newest, "channel": channels.LOBBY})


@sign_in_to_post
def tickets(request):
    title, text = (request.POST.get(name, "").strip() for name in ("title", "text"))
    if title and text:
        opened = open_ticket(request.person, title[:80], text[:1000])
        return redirect("ticket", opened.pk)
    newest = Ticket.objects.select_related("person").order_by("-pk")[:ON_A_PAGE]
    return render(request, "judge/tickets.html", {"tickets": newest, "channel": channels.TICKETS})


@sign_in_to_post
def ticket(request, number):
    take_position(request)
    found = get_object_or_404(Ticket, pk=number)
    if text := request.POST.get("text", "").strip()[:1000]:
        answer(found, request.person, text, is_open=found.is_open)
        return redirect("ticket", number)
    messages = found.messages.select_related("person").order_by("pk")
    return render(
        request,
        "judge/ticket.html",
        {"ticket": found, "messages": messages, "channel": channels.of_ticket(number)},
    )


# What the simulated people do too. The event goes out once the row is there for everybody to read.


def say(person, text):
    message = ChatMessage.objects.create(person=person, text=text)
    events.post_on_commit(channels.LOBBY, {"type": "lobby", "message": message.pk, "author_id": person.pk})


@transaction.atomic
def open_ticket(person, title, text):
    opened = Ticket.objects.create(person=person, title=title)
    TicketMessage.objects.create(ticket=opened, person=person, text=text)
    events.post_on_commit(channels.TICKETS, {"type": "new-ticket", "id": opened.pk})
    return opened


@transaction.atomic
def answer(ticket, person, text, *, is_open):
    message = TicketMessage.objects.create(ticket=ticket, person=person, text=text)
    if ticket.is_open != is_open:
        ticket.is_open = is_open
        ticket.save(update_fields=["is_open"])
        events.post_on_commit(channels.of_ticket(ticket.pk), {"type": "ticket-status", "open": is_open})
    events.post_on_commit(channels.of_ticket(ticket.pk), {"type": "ticket-message", "message": message.pk})
    events.post_on_commit(channels.TICKETS, {"type": "ticket-message", "id": ticket.pk})
