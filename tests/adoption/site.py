"""A judge site: what it keeps, the pages that show it, and what those pages ask for.

It posts with its dialect's own poster and knows nothing of the daemon but what such a site's settings say.
"""

import html
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Protocol, Self

import oyez
from tests.browser.pages import BUNDLE, SITE
from tests.inbox import PATIENCE_S

PAGES = Path(__file__).parent / "pages"
OYEZ_SCRIPT = Path(oyez.__file__).parent / "browser" / "event.js"
FILES = {path.name: path for path in (BUNDLE, SITE / "page.js", SITE / "raw.js", PAGES / "judge.js", OYEZ_SCRIPT)}
SUBMISSION, CONTEST, TICKET = "sub_0123456789abcdef00000007", "contest_winter", "ticket-3"
CHANNELS = {
    "verdict": [SUBMISSION],
    "list": ["submissions"],
    "ranking": [CONTEST],
    "chat": ["00112233445566778899chat_lobby", "00112233445566778899chat_5"],
    "tickets": ["tickets"],
    "ticket": [TICKET],
}


class Poster(Protocol):
    """A site's own poster, with a connection for each thread."""

    def post(self, channel: str, message: object) -> int: ...
    def last(self) -> int: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Dialect:
    """How a kind of site listens: the name that judge.js has for it, its scripts, and what it gives to them."""

    name: str
    scripts: tuple[str, ...]
    addresses: dict[str, str]


@dataclass
class JudgeSite:
    """``with JudgeSite(poster) as site`` serves the pages; the methods below are what its people and judges do.

    Each writes into what the site keeps, then posts, and returns the id of the event: 0 if it was lost.
    """

    poster: Poster
    cases: list[str] = field(default_factory=list)
    verdict: str = "running"
    scores: dict[str, int] = field(default_factory=dict)
    chat: list[str] = field(default_factory=list)
    tickets: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    dialects: dict[str, Dialect] = field(default_factory=dict)

    def __enter__(self) -> Self:
        site = self

        class Request(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = site.answer(self.path)
                self.send_response(200)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:  # the tests' output is for the tests
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.port = self._server.server_port
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)

    # --- what happens -------------------------------------------------------------------------------------------------

    def run_case(self, verdict: str) -> int:
        self.cases.append(verdict)
        return self._tell_judged({"type": "test-case", "id": len(self.cases)})

    def end_grading(self, verdict: str) -> int:
        self.verdict = verdict
        result = {"time": 0.2, "memory": 3120, "points": 40, "total": 100, "result": verdict}
        return self._tell_judged({"type": "grading-end", **result}, done=True)

    def score(self, person: str, points: int) -> int:
        self.scores[person] = points
        return self.poster.post(CONTEST, {"type": "ranking-update"})

    def say(self, text: str) -> int:
        self.chat.append(text)
        message = {"type": "lobby", "author_id": 5, "message": len(self.chat) - 1, "room": "None", "tmp_id": 1}
        return self.poster.post(CHANNELS["chat"][0], message)

    def open_ticket(self, title: str) -> int:
        self.tickets.append(title)
        return self.poster.post("tickets", {"type": "new-ticket", "id": len(self.tickets) - 1, "title": title})

    def answer_ticket(self, text: str) -> int:
        self.answers.append(text)
        return self.poster.post(TICKET, {"type": "ticket-message", "message": len(self.answers) - 1})

    def _tell_judged(self, message: dict[str, object], *, done: bool = False) -> int:
        kind = "done-submission" if done else "update-submission"
        twin = {"type": kind, "state": message["type"], "id": 7, "contest": "winter", "user": 5, "problem": 2}
        return min(self.poster.post(SUBMISSION, message), self.poster.post("submissions", twin))

    # --- what pages show ----------------------------------------------------------------------------------------------

    def submission(self) -> str:
        return " ".join([*self.cases, self.verdict])

    def ranking(self) -> str:
        return ", ".join(f"{person} {self.scores[person]}" for person in sorted(self.scores))

    def complete(self) -> dict[str, str]:
        """Give the text that each page has to show when it has missed nothing."""
        return {
            "verdict": self.submission(),
            "list": self.submission(),
            "ranking": self.ranking(),
            "chat": "".join(self.chat),
            "tickets": "".join(self.tickets),
            "ticket": "".join(self.answers),
        }

    def answer(self, path: str) -> tuple[str, bytes]:
        """Answer a request: `/DIALECT/PAGE`, `/data/…` or a script."""
        parts = path.strip("/").split("/")
        if parts[0] == "data":
            return "application/json", json.dumps(self._data(*parts[1:])).encode()
        if parts[0] in FILES:
            return "text/javascript", FILES[parts[0]].read_bytes()
        if parts[0] in self.dialects:
            return "text/html", self._page(self.dialects[parts[0]], parts[1]).encode()
        return "text/plain", b""

    def _data(self, what: str, number: str = "0") -> str:
        if what in ("submission", "ranking"):
            return self.submission() if what == "submission" else self.ranking()
        return {"chat": self.chat, "ticket": self.tickets, "answer": self.answers}[what][int(number)]

    def _page(self, dialect: Dialect, name: str) -> str:
        last = self.poster.last()  # before anything is read
        self.poster.close()  # this thread serves one request only
        shown = {"verdict": self.submission(), "ranking": self.ranking()}.get(name, "")
        channels = CHANNELS[name]
        page = {"name": name, "id": 7, "dialect": dialect.name, "channels": channels, "last": last, **dialect.addresses}
        scripts = "".join(f'<script src="/{script}"></script>' for script in dialect.scripts)
        return (
            f'<!doctype html><title>{name}</title><link rel="icon" href="data:,">'
            f'<body data-page="{html.escape(json.dumps(page))}"><div id="view">{html.escape(shown)}</div>{scripts}'
        )
