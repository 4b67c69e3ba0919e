"""What every page has: somebody who looks at it, a frame around it, and rules for what it may load."""

from urllib.parse import urlsplit

from django.conf import settings

from judge.models import Person


def sign_in(get_response):
    """Give each request its `person`, or None."""

    def middleware(request):
        name = request.session.get("name")
        request.person = Person.objects.filter(name=name).first() if name else None
        return get_response(request)

    return middleware


def content_security_policy(get_response):
    """Allow the site's own files, and a connection to the daemon; nothing inline, nothing from elsewhere."""
    daemon = urlsplit(settings.EVENT_DAEMON_PUBLIC_URL).netloc
    policy = f"default-src 'self'; connect-src 'self' ws://{daemon} http://{daemon}; img-src 'self' data:"

    def middleware(request):
        response = get_response(request)
        response.headers["Content-Security-Policy"] = policy
        return response

    return middleware


def page(request):
    """Choose the frame: a script that wants a page's new content gets it without one."""
    is_update = "X-Update" in request.headers
    return {"frame": "judge/update.html" if is_update else "judge/frame.html", "person": request.person}
