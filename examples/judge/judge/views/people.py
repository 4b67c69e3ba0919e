"""Who is it? A name is enough."""

import re
from functools import wraps
from urllib.parse import urlencode

from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from judge.models import Person

NAME = re.compile(r"[\w .-]{1,24}")


def sign_in(request):
    """Ask for a name, then go on to where one wanted to go."""
    target = request.GET.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, request.get_host()):
        target = "/"
    name = request.POST.get("name", "").strip()
    if NAME.fullmatch(name):
        Person.objects.get_or_create(name=name)
        request.session["name"] = name
        return redirect(target)
    return render(request, "judge/sign_in.html", {"name": name})


@require_POST
def sign_out(request):
    request.session.flush()
    return redirect("problems")


def to_sign_in(request):
    return redirect(f"{reverse('sign-in')}?{urlencode({'next': request.path})}")


def sign_in_to_post(view):
    """Send who has no name yet to get one, when a form comes in."""

    @wraps(view)
    def wrapped(request, *args, **kwargs):
        if request.method == "POST" and request.person is None:
            return to_sign_in(request)
        return view(request, *args, **kwargs)

    return wrapped
