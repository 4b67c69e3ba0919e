"""The submissions: all of them, and one with its test cases."""

from django.shortcuts import get_object_or_404, render

from judge import channels
from judge.models import Submission
from oyez.django.position import take_position

ON_A_PAGE = 40


def show_list(request):
    """Show the newest ones; `?mine` only one's own."""
    submissions = Submission.objects.select_related("person", "problem").defer("source", "log").order_by("-pk")
    mine = "mine" in request.GET and request.person
    if mine:
        submissions = submissions.filter(person=request.person)
    return render(
        request,
        "judge/submissions.html",
        {"submissions": submissions[:ON_A_PAGE], "mine": mine, "channel": channels.SUBMISSIONS},
    )


def show(request, number):
    take_position(request)  # before anything is read: what happens from now on will be sent to the page
    submission = get_object_or_404(Submission.objects.select_related("person", "problem"), pk=number)
    waiting = range(len(submission.cases) + 1, submission.problem.case_count + 1)
    return render(
        request,
        "judge/submission.html",
        {"submission": submission, "waiting": waiting, "channel": channels.of_submission(number)},
    )
