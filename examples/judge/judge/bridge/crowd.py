"""People who send in programs, talk, and answer tickets, so that a visitor is not alone."""

import random

from judge.contests import current_contest
from judge.models import ChatMessage, Person, Problem, Submission, Ticket, TicketMessage
from judge.views.problems import LANGUAGES, announce
from judge.views.talk import answer, say

JURY = "Jury"
KEPT_SUBMISSIONS = 2000
LINES = [
    "Anyone else stuck on the lighthouses?",
    "First try! I did not expect that.",
    "Time limit on case 14 again …",
    "Reading the input as int64 helped.",
    "Good luck everybody.",
    "Is the memory limit per test case?",
    "The ranking moves fast today.",
    "Greedy does not work on B, trust me.",
    "Who else sorts twice?",
    "I should have drawn it on paper first.",
    "Off by one, as always.",
    "Bells was easier than it looked.",
    "Has anybody solved the maze?",
    "Where does the ferry turn round?",
    "Compile error. I forgot a semicolon.",
    "Two points short of the top ten!",
    "Does the street end after n houses?",
    "Sorting was the trick, thank you.",
    "Half an hour is not long.",
    "The clarification was helpful.",
]
ANSWERS = [
    "Thank you, we are looking into it.",
    "Please read the third paragraph of the statement again.",
    "No comment on that, sorry.",
    "Yes.",
    "We have judged it again; the verdict stands.",
]


def send_in():
    """Somebody sends in a program, and forgets it after a long time."""
    submission = Submission.objects.create(
        person=random.choice(_simulated()),
        problem=random.choice(Problem.objects.all()),
        contest=current_contest(),
        language=random.choice(LANGUAGES),
        source="print('hear ye')",
    )
    announce(submission)
    Submission.objects.filter(pk__lte=submission.pk - KEPT_SUBMISSIONS).delete()


def chat():
    """Somebody else than the last one says what has not been said for a while."""
    newest = ChatMessage.objects.order_by("-pk")[: len(LINES) // 2]
    said = {message.text for message in newest}
    line = random.choice([line for line in LINES if line not in said])
    say(random.choice(_simulated().exclude(pk__in=[message.person_id for message in newest[:1]])), line)


def answer_tickets():
    """Answer every ticket whose last word is not the jury's."""
    jury, _ = Person.objects.get_or_create(name=JURY, defaults={"is_simulated": True})
    for ticket in Ticket.objects.filter(is_open=True):
        if TicketMessage.objects.filter(ticket=ticket).order_by("-pk").first().person_id != jury.pk:
            answer(ticket, jury, random.choice(ANSWERS), is_open=True)


def _simulated():
    return Person.objects.filter(is_simulated=True).exclude(name=JURY)
