"""A real nginx in front of a daemon, as sites have it.

Needs no rights and no place of its own on the machine: all its files are in the test's folder. What the locations
mean it does not know; the layouts of real sites are the functions at the end.
"""

import os
import shutil
import signal
import socket
import subprocess
import textwrap
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from tests.inbox import PATIENCE_S, Inbox
from tests.sandbox import environment

# After a reload; nginx itself would let the old worker's connections live for as long as their clients like.
SHUTDOWN_S = 1.0

UPGRADE = """
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
"""
FORWARDED = """
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
"""


class Nginx:
    """``with Nginx(directory, locations) as nginx`` starts a server of the test's own and ends it.

    `locations` is the content of the only ``server`` block, and `upstreams` stand beside it. The listening socket is
    made here and inherited by nginx: the port is free, and a client that is faster than nginx waits for it.
    `shutdown_s` is how long the old worker's connections live after a reload.
    """

    def __init__(
        self,
        directory: Path,
        locations: str,
        *,
        upstreams: str = "",
        certificate: Path | None = None,
        shutdown_s: float = SHUTDOWN_S,
    ) -> None:
        self.log = Inbox()
        self._directory = directory / "nginx"
        self._locations = locations
        self._upstreams = upstreams
        self._certificate = certificate
        self._shutdown_s = shutdown_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http{'s' if self._certificate else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        (self._directory / "temp").mkdir(parents=True)
        self._configure()
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "nginx is not installed: make test does it, or names the package"
        self._process = subprocess.Popen(
            [program, "-p", str(self._directory), "-c", "nginx.conf", "-e", "stderr"],
            env=environment({"NGINX": f"{self._listener.fileno()};"}),
            pass_fds=[self._listener.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listener.close()
        self._reader = Thread(target=self._read_log, daemon=True)
        self._reader.start()
        try:
            self._await("start worker process ", 1)
        except AssertionError:
            self._process.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
            self._reader.join(PATIENCE_S)

    def reload(self) -> None:
        """Do as ``nginx -s reload``: a new worker takes over, the old one ends and drops its connections."""
        self._process.send_signal(signal.SIGHUP)
        self._await("gracefully shutting down", 1)

    def _configure(self) -> None:
        tls = self._certificate
        (self._directory / "nginx.conf").write_text(
            f"""
            {"user root;" if os.geteuid() == 0 else ""}
            daemon off;
            worker_processes 1;
            worker_shutdown_timeout {self._shutdown_s:g}s;
            pid nginx.pid;
            error_log stderr notice;
            events {{ worker_connections 256; }}
            http {{
                access_log off;
                client_body_temp_path temp/body;
                proxy_temp_path temp/proxy;
                fastcgi_temp_path temp/fastcgi;
                uwsgi_temp_path temp/uwsgi;
                scgi_temp_path temp/scgi;
                {self._upstreams}
                server {{
                    listen 127.0.0.1:{self.port}{" ssl" if tls else ""};
                    {f"ssl_certificate {tls}; ssl_certificate_key {tls};" if tls else ""}
                    {self._locations}
                }}
            }}
            """
        )

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self.log.put("line", line)

    def _await(self, words: str, count: int) -> None:
        self.log.wait_until(lambda: sum(words in line for line in self.log.of("line")) >= count, words)


def location(path: str, *directives: str) -> str:
    return f"location {path} {{{textwrap.indent(''.join(directives), '    ')}\n}}\n"


def pass_to(port: int, path: str = "") -> str:
    """With a path, nginx puts it in place of the location's; without one it passes on what it was asked for."""
    return f"\n    proxy_pass http://127.0.0.1:{port}{path};\n"


def lqdoj(port: int, *, rewrites: bool = False) -> str:
    """What an LQDOJ site has: one location, for Socket.IO."""
    path = "/socket.io/"
    return location(path, pass_to(port, path if rewrites else ""), UPGRADE, FORWARDED, "    proxy_read_timeout 86400s;")


def dmoj(get: int, poll: int, *, rewrites: bool = False) -> str:
    """What a DMOJ site has: one location for WebSockets, one for long polls; the port for posts is nobody else's."""
    return location(
        "/event/", pass_to(get, "/event/" if rewrites else ""), UPGRADE, FORWARDED, "    proxy_read_timeout 86400s;"
    ) + location("/channels/", pass_to(poll, "/channels/" if rewrites else ""), FORWARDED)


def streams(port: int, *directives: str) -> str:
    """The location for event streams; nginx need not be told not to buffer, the daemon tells it."""
    return location("/sse", pass_to(port), FORWARDED, *directives)
