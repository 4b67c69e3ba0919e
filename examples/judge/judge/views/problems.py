"""The list of problems, and one problem with a form to send a program in."""

from django.shortcuts import get_object_or_404, redirect, render

from judge import channels
from judge.contests import current_contest
from judge.models import Problem, Submission
from judge.views.people import sign_in_to_post
from oyez.django import events

LANGUAGES = ["Python 3", "C++20", "Rust"]
PROGRAM = "a, b = map(int, input().split())\nprint(a + b)  # AC\n"


def show_list(request):
    return render(request, "judge/problems.html", {"problems": Problem.objects.order_by("points", "pk")})


@sign_in_to_post
def show(request, code):
    problem = get_object_or_404(Problem, code=code)
    if request.method == "POST":
        return _send_in(request, problem)
    return render(request, "judge/problem.html", {"problem": problem, "languages": LANGUAGES, "program": PROGRAM})


def _send_in(request, problem):
    language = request.POST.get("language")
    submission = Submission.objects.create(
        person=request.person,
        problem=problem,
        contest=current_contest(),
        language=language if language in LANGUAGES else LANGUAGES[0],
        source=request.POST.get("source", "")[:20_000],
    )
    announce(submission)
    return redirect("submission", submission.pk)


def announce(submission):
    """Tell those who look at the list that there is one more."""
    events.post_on_commit(channels.SUBMISSIONS, {"type": "update-submission", "state": "queued", "id": submission.pk})
