"""Make the database, with problems, people and a little past. Called again, it adds nothing."""

import random
from datetime import timedelta

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from judge.bridge.crowd import JURY, LINES
from judge.bridge.verdicts import foresee
from judge.contests import current_contest
from judge.models import ChatMessage, Contest, Person, Problem, Submission, Ticket, TicketMessage, Verdict
from judge.views.problems import LANGUAGES

# code, title, points, test cases, milliseconds for each, statement
PROBLEMS = [
    ("sum", "Two numbers", 10, 6, 15, "Read two whole numbers and print their sum."),
    ("crier", "The town crier", 20, 12, 60, "A crier walks along a street of n houses and calls at every k-th of "
     "them. Given who hears a call from how far, how many houses hear at least one?"),
    ("bells", "Bells at noon", 30, 20, 90, "Each of n church bells rings every so many seconds. When do all of "
     "them ring together for the first time after noon, if ever?"),
    ("ferry", "The last ferry", 40, 24, 140, "Cars of different lengths wait for a ferry with two lanes. How many "
     "of them, in the order of the queue, fit on board?"),
    ("lamps", "Lighthouses", 50, 36, 180, "Lighthouses stand along a coast. Take away as many as you can so that "
     "each point of the coast still sees at least one of them."),
    ("maze", "Out of the maze", 60, 50, 220, "A maze changes each time somebody walks through a door. Find the "
     "shortest way out, or say that there is none."),
]  # fmt: skip
NAMES = [
    "Ada",
    "Alan",
    "Barbara",
    "Cheng",
    "Dara",
    "Edsger",
    "Fatima",
    "Grace",
    "Hoang",
    "Ines",
    "Jonas",
    "Katya",
    "Linh",
    "Margaret",
    "Minh",
    "Niklaus",
    "Olu",
    "Priya",
    "Quynh",
    "Radia",
    "Sofia",
    "Tuan",
    "Umar",
    "Yuki",
]


class Command(BaseCommand):
    help = __doc__

    def handle(self, *_args, **_options):
        call_command("migrate", verbosity=0)
        self.add_sample_data()

    @transaction.atomic
    def add_sample_data(self):
        Submission.objects.filter(state__in=["processing", "grading"]).update(state="queued", cases=[])  # left behind
        if Problem.objects.exists():
            return
        for code, title, points, case_count, pace_ms, statement in PROBLEMS:
            Problem.objects.create(
                code=code, title=title, points=points, case_count=case_count, pace_ms=pace_ms, statement=statement
            )
        people = [Person.objects.create(name=name, is_simulated=True) for name in NAMES]
        jury = Person.objects.create(name=JURY, is_simulated=True)
        contest = current_contest()
        Contest.objects.filter(pk=contest.pk).update(started=timezone.now() - timedelta(minutes=8))
        self.judge_some(people, contest)
        self.talk(people, jury)

    def judge_some(self, people, contest):
        """As if some had been judged in the last eight minutes."""
        chance = random.Random(7)
        problems = list(Problem.objects.all())
        for second in range(8 * 60, 0, -6):
            problem = chance.choices(problems, [6, 5, 4, 3, 2, 1])[0]
            submission = Submission(
                person=chance.choice(people),
                problem=problem,
                contest=contest,
                language=chance.choice(LANGUAGES),
                source="print('hear ye')",
                sent=timezone.now() - timedelta(seconds=second),
                state=Submission.State.DONE,
            )
            submission.verdict, cases = foresee(submission, chance)
            submission.cases = [vars(case) for case in cases]
            passed = sum(case.verdict == Verdict.ACCEPTED for case in cases)
            submission.points = problem.points * passed // (len(cases) or 1)
            submission.save()

    def talk(self, people, jury):
        now = timezone.now()
        for number, (person, text) in enumerate(zip(people[::2], LINES[:6], strict=False)):
            ChatMessage.objects.create(person=person, text=text, sent=now - timedelta(seconds=400 - 60 * number))
        ticket = Ticket.objects.create(person=people[3], title="Bells: may two bells ring at the same second?")
        TicketMessage.objects.create(ticket=ticket, person=people[3], text="The example has none of that.")
        TicketMessage.objects.create(ticket=ticket, person=jury, text="Yes, they may.")
