"""Judges and simulated people, until it is told to stop."""

import random
import signal
from threading import Event, Thread

from django.core.management.base import BaseCommand
from django.db import connection

from judge.bridge import crowd
from judge.bridge.grading import Grading, take_next

IDLE_S = 0.2


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--judges", type=int, default=8, help="how many submissions are judged at a time")
        parser.add_argument(
            "--busy", type=float, default=20, help="submissions of simulated people in a minute; 0: none"
        )

    def handle(self, *, judges, busy, **_options):
        self.stopping = Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stopping.set())
        tasks = [self.judge] * judges
        if busy:
            tasks += [
                lambda: self.repeat(crowd.send_in, 60 / busy),
                lambda: self.repeat(crowd.chat, 500 / busy),
                lambda: self.repeat(crowd.answer_tickets, 5),
            ]
        threads = [Thread(target=self.run_task, args=[task]) for task in tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def run_task(self, task):
        try:
            task()
        finally:
            connection.close()  # each thread has one of its own

    def judge(self):
        """Be one judge: a thread with one submission at a time, as a real bridge has."""
        while not self.stopping.is_set():
            submission = take_next()
            if submission:
                Grading(submission, self.stopping.wait).run()  # told to stop, it finishes this one without a pause
            else:
                self.stopping.wait(IDLE_S)

    def repeat(self, action, about_every_s):
        while not self.stopping.wait(random.expovariate(1 / about_every_s)):
            action()
