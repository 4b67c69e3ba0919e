"""How a submission is judged, and who is told: at the pace, and with the events, of a real judge's bridge.

What stands in the database is written before its event is posted, so whoever hears of it can read it.
"""

import time
from dataclasses import asdict

from judge import channels
from judge.bridge.verdicts import COMPILER_SAYS, foresee
from judge.models import Submission, Verdict
from oyez.django import events

PACKET_S = 0.25  # a judge collects finished test cases for so long before it tells the bridge
COMPILING_S = 0.6
State = Submission.State


def take_next():
    """Claim the oldest submission that nobody judges yet; None if there is none."""
    for number in Submission.objects.filter(state=State.QUEUED).order_by("pk").values_list("pk", flat=True)[:5]:
        if Submission.objects.filter(pk=number, state=State.QUEUED).update(state=State.PROCESSING):
            return Submission.objects.select_related("person", "problem", "contest").get(pk=number)
    return None


class Grading:
    """One submission's way through a judge."""

    def __init__(self, submission, sleep=time.sleep):
        self.submission = submission
        self._sleep = sleep
        self._channel = channels.of_submission(submission.pk)

    def run(self):
        submission = self.submission
        verdict, cases = foresee(submission)
        self._tell({"type": "processing"})
        self._sleep(COMPILING_S)
        if verdict == Verdict.UNCOMPILED:
            self._finish(verdict, log=COMPILER_SAYS)
            self._tell({"type": "compile-error", "log": COMPILER_SAYS}, done=True)
            return
        self._save(state=State.GRADING)
        self._tell({"type": "grading-begin"})
        for packet in packets(cases):
            self._sleep(max(PACKET_S, sum(case.ms for case in packet) / 1000))
            self._save(cases=[*submission.cases, *map(asdict, packet)])
            self._tell({"type": "test-case", "id": packet[-1].number})
        passed = sum(case.verdict == Verdict.ACCEPTED for case in cases)
        self._finish(verdict, points=submission.problem.points * passed // len(cases))
        self._tell(self._result(), done=True)
        events.post(channels.of_contest(submission.contest.key), {"type": "ranking-update"})

    def _finish(self, verdict, **found):
        self._save(state=State.DONE, verdict=verdict, **found)

    def _save(self, **changes):
        for name, value in changes.items():
            setattr(self.submission, name, value)
        self.submission.save(update_fields=list(changes))

    def _result(self):
        submission = self.submission
        return {
            "type": "grading-end",
            "time": submission.slowest_ms / 1000,
            "memory": submission.largest_kb,
            "points": submission.points,
            "total": submission.problem.points,
            "result": submission.verdict,
        }

    def _tell(self, message, *, done=False):
        """Post to the submission's own channel, and its twin to those who look at the list."""
        submission = self.submission
        twin = {
            "type": "done-submission" if done else "update-submission",
            "state": message["type"],
            "id": submission.pk,
            "contest": submission.contest.key,
            "user": submission.person_id,
            "problem": submission.problem_id,
            "status": submission.state,
            "language": submission.language,
        }
        events.post(self._channel, message)
        events.post(channels.SUBMISSIONS, twin)


def packets(cases):
    """Group test cases as a judge sends them: those that end within a quarter of a second come together."""
    packet, spent_s = [], 0.0
    for case in cases:
        packet.append(case)
        spent_s += case.ms / 1000
        if spent_s >= PACKET_S:
            yield packet
            packet, spent_s = [], 0.0
    if packet:
        yield packet
