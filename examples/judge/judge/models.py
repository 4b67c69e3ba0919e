"""What the site keeps: people, problems, contests, submissions, and what people write to each other."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

CONTEST_LASTS = timedelta(minutes=30)


class Person(models.Model):
    """A name, without a password; `is_simulated` ones are played by the bridge."""

    name = models.CharField(max_length=24, unique=True)
    is_simulated = models.BooleanField(default=False)

    def __str__(self):
        return self.name


class Problem(models.Model):
    """A problem; `pace_ms` is about how long one test case takes."""

    code = models.SlugField(unique=True)
    title = models.CharField(max_length=60)
    statement = models.TextField()
    points = models.PositiveIntegerField()
    case_count = models.PositiveIntegerField()
    pace_ms = models.PositiveIntegerField()

    def __str__(self):
        return self.title


class Contest(models.Model):
    """Half an hour in which submissions count; when it is over, the next one begins."""

    key = models.SlugField(unique=True)
    title = models.CharField(max_length=60)
    started = models.DateTimeField(default=timezone.now)

    def __str__(self):
        return self.title

    @property
    def ends(self):
        return self.started + CONTEST_LASTS

    @property
    def is_over(self):
        return timezone.now() >= self.ends


class Verdict(models.TextChoices):
    """How a test case, or a submission, came out."""

    ACCEPTED = "AC", "Accepted"
    WRONG = "WA", "Wrong answer"
    SLOW = "TLE", "Time limit exceeded"
    CRASHED = "RTE", "Runtime error"
    UNCOMPILED = "CE", "Compile error"


class Submission(models.Model):
    """A program that somebody sent in, and what the judge has found so far."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting for a judge"
        PROCESSING = "processing", "Compiling"
        GRADING = "grading", "Running"
        DONE = "done", "Done"

    person = models.ForeignKey(Person, models.CASCADE)
    problem = models.ForeignKey(Problem, models.CASCADE)
    contest = models.ForeignKey(Contest, models.CASCADE)
    language = models.CharField(max_length=16)
    source = models.TextField(max_length=20_000)
    sent = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=16, choices=State, default=State.QUEUED, db_index=True)
    cases = models.JSONField(default=list)  # one {number, verdict, ms, kb} for each test case that has run
    verdict = models.CharField(max_length=4, choices=Verdict, blank=True)
    points = models.PositiveIntegerField(default=0)
    log = models.TextField(blank=True)

    def __str__(self):
        return f"{self.problem} by {self.person}"

    @property
    def is_done(self):
        return self.state == self.State.DONE

    @property
    def slowest_ms(self):
        return max((case["ms"] for case in self.cases), default=0)

    @property
    def largest_kb(self):
        return max((case["kb"] for case in self.cases), default=0)


class ChatMessage(models.Model):
    """A line in the lobby."""

    person = models.ForeignKey(Person, models.CASCADE)
    text = models.CharField(max_length=200)
    sent = models.DateTimeField(default=timezone.now)


class Ticket(models.Model):
    """A question to the jury."""

    person = models.ForeignKey(Person, models.CASCADE)
    title = models.CharField(max_length=80)
    opened = models.DateTimeField(default=timezone.now)
    is_open = models.BooleanField(default=True)

    def __str__(self):
        return self.title


class TicketMessage(models.Model):
    """The question itself, or an answer."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="messages")
    person = models.ForeignKey(Person, models.CASCADE)
    text = models.TextField(max_length=1000)
    sent = models.DateTimeField(default=timezone.now)
