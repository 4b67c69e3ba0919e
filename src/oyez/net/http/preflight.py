"""What every door answers to a browser that asks before it sends what a page alone may not.

Knows the headers of the Fetch standard's CORS protocol, "CORS-preflight request". Must not know whose pages may listen.
"""

from starlette.requests import Request
from starlette.responses import Response

from oyez.access.origins import Origins
from oyez.wire import http_fields

# How long a browser remembers that it may ask, in seconds.
_MAX_AGE_S = 600


def answer_preflight(request: Request, origins: Origins, methods: str) -> Response:
    """Answer what a browser asks beforehand.

    Args:
        request: an OPTIONS; from another client it gets the same answer.
        origins: whose pages may listen.
        methods: those that the door takes, such as ``GET,POST``.
    """
    origin = request.headers.get("Origin")
    headers = {"Allow": f"{methods},OPTIONS", **origins.headers(origin)}
    if not origins.allows(origin):
        return Response(status_code=403, headers=headers)
    headers["Access-Control-Allow-Methods"] = methods
    headers["Access-Control-Max-Age"] = str(_MAX_AGE_S)
    headers["Vary"] = ", ".join(filter(None, (headers.get("Vary"), "Access-Control-Request-Headers")))
    asked = request.headers.get("Access-Control-Request-Headers", "")
    if asked and all(map(http_fields.is_token, http_fields.elements(asked))):
        headers["Access-Control-Allow-Headers"] = asked
    if origins.names(origin) and request.headers.get("Access-Control-Request-Private-Network") == "true":
        headers["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers=headers)
