"""What a program will turn out to be. Nothing is run: a verdict named in the program is taken, else chance decides."""

import random
import re
from dataclasses import dataclass

from judge.models import Verdict

NAMED = re.compile(r"\b(AC|WA|TLE|RTE|CE)\b")
WEIGHTS = {Verdict.ACCEPTED: 50, Verdict.WRONG: 28, Verdict.SLOW: 10, Verdict.CRASHED: 7, Verdict.UNCOMPILED: 5}
LIMIT_MS = 2000
COMPILER_SAYS = "main.cpp:7:12: error: 'cout' was not declared in this scope; did you mean 'count'?"


@dataclass(frozen=True)
class Case:
    """One test case as it will come out."""

    number: int
    verdict: str
    ms: int
    kb: int


def foresee(submission, chance=random):
    """Return the verdict of a submission and its test cases; none if it does not compile."""
    named = NAMED.search(submission.source)
    verdict = named[1] if named else chance.choices(list(WEIGHTS), WEIGHTS.values())[0]
    if verdict == Verdict.UNCOMPILED:
        return verdict, []
    problem = submission.problem
    failing = set()
    if verdict != Verdict.ACCEPTED:
        first = chance.randint(2, problem.case_count // 2)
        failing = {first, *(n for n in range(first, problem.case_count + 1) if chance.random() < 0.4)}
    return verdict, [_case(number, verdict if number in failing else Verdict.ACCEPTED, problem, chance)
                     for number in range(1, problem.case_count + 1)]  # fmt: skip


def _case(number, verdict, problem, chance):
    ms = LIMIT_MS if verdict == Verdict.SLOW else round(problem.pace_ms * chance.uniform(0.4, 1.6))
    return Case(number, str(verdict), ms, round(chance.uniform(3, 5) * 1024))
