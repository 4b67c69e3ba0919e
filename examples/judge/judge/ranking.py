"""Who is ahead in a contest: the sum of each person's best points, and who got there first."""

from dataclasses import dataclass, field

from judge.models import Person, Submission


@dataclass
class Row:
    """A person's line."""

    person: Person
    best: dict[int, int] = field(default_factory=dict)  # problem -> points
    reached: object = None  # when the last point came
    place: int = 0
    cells: list = field(default_factory=list)

    @property
    def points(self):
        return sum(self.best.values())


def rank(contest, problems):
    """Return the rows, the best one first."""
    rows: dict[int, Row] = {}
    done = Submission.objects.filter(contest=contest, state=Submission.State.DONE).select_related("person")
    for sent in done.order_by("pk"):
        row = rows.setdefault(sent.person_id, Row(sent.person))
        if sent.points > row.best.get(sent.problem_id, -1):
            row.best[sent.problem_id] = sent.points
            row.reached = sent.sent
    ranked = sorted(rows.values(), key=lambda row: (-row.points, row.reached))
    for place, row in enumerate(ranked, 1):
        row.place = place
        row.cells = [(problem, row.best.get(problem.pk)) for problem in problems]
    return ranked
