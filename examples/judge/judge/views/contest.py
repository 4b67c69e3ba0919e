"""The ranking of a contest."""

from django.shortcuts import get_object_or_404, redirect, render

from judge import channels
from judge.contests import current_contest
from judge.models import Contest, Problem
from judge.ranking import rank
from oyez.django.position import take_position


def show_newest(_request):
    return redirect("ranking-of", current_contest().key)


def show(request, key):
    take_position(request)
    contest = get_object_or_404(Contest, key=key)
    problems = Problem.objects.order_by("points", "pk")
    context = {"contest": contest, "problems": problems, "channel": channels.of_contest(key)}
    return render(request, "judge/ranking.html", context | {"rows": rank(contest, problems)})
