"""Everything that can be found on the way of an event: its code, and the cure.

Knows words. Must not know how anything is found out. Codes are stable: scripts and the documentation name them.
"""

from dataclasses import dataclass
from enum import IntEnum

from oyez.probe.status import Status


class Reach(IntEnum):
    """How far an event was followed: not to a listener's address, to one of this machine only, or to a public one."""

    NOWHERE = 0
    MACHINE = 1
    PUBLIC = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what was seen, the setting that is to blame, and what to do.

    Its members are those of a finding in the JSON report. `weight` is a warning or an error.
    """

    code: str
    weight: Status
    setting: str
    seen: str
    cure: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step of the way came to; without findings it went well, or did not take place (`skipped`)."""

    note: str
    findings: tuple[Finding, ...] = ()
    skipped: bool = False
    reach: Reach = Reach.NOWHERE
    title: str = ""

    @property
    def status(self) -> Status:
        """The worst of what was found."""
        if self.skipped:
            return Status.SKIPPED
        weights = {finding.weight for finding in self.findings}
        return next((weight for weight in (Status.ERROR, Status.WARNING) if weight in weights), Status.OK)


@dataclass(frozen=True, slots=True)
class _ErrorKind:
    cure: str
    weight: Status = Status.ERROR


_KEY_CURE = (
    "The site and the daemon need the same secret: the site's is {setting}, the daemon's the environment variable "
    "EVENT_DAEMON_KEY or OYEZ_KEY, the first line of key_file, or one of [[keys]]; oyez serve --dev prints the one "
    "that it takes. Restart both. Without a key, or with one that is printed in public places and used through a "
    "proxy, the daemon lets nobody post; its log says which it was."
)
_NGINX_UPGRADE = (
    'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
)

_NGINX_VISITOR = "proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"

_EXPOSED = _ErrorKind(
    "Remove {path} from nginx's locations unless back ends on other machines post through {setting}: only the key "
    "stands between anyone and the posts. auth.sender_addresses in the daemon's settings is another lock.",
    Status.WARNING,
)

KINDS = {
    # The site's settings
    "events-off": _ErrorKind("Set {setting} = True in the site's settings, and restart the site and the bridge."),
    "amqp-selected": _ErrorKind(
        "Nothing, if the daemon reads the site's exchange (its broker is amqp://…?exchange=NAME). Else remove "
        "{setting} from the site's settings.",
        Status.WARNING,
    ),
    "amqp-no-address": _ErrorKind(
        "Nothing, if the site revokes no grants. Else set {setting} as well, for example: {assignment}",
        Status.WARNING,
    ),
    "amqp-empty": _ErrorKind(
        "Remove {setting} from the site's settings. Merely defining it, even as None, sends all posts to RabbitMQ."
    ),
    "url-missing": _ErrorKind("Set {setting}, for example: {assignment}"),
    "url-wrong": _ErrorKind("Write {setting} as a whole URL, for example: {assignment}"),
    "backend-wrong": _ErrorKind(
        "Remove {setting}, so that events go to the daemon, or name a class that can be imported and made."
    ),
    "scheme-wrong": _ErrorKind("Write {setting} with ws:// or wss://, for example: {assignment}"),
    "key-missing": _ErrorKind(_KEY_CURE),
    "key-well-known": _ErrorKind(
        "Choose a long random {setting}, and give it to the site and to the daemon alike: whoever knows the key can "
        "forge events.",
        Status.WARNING,
    ),
    "namespace-trap": _ErrorKind(
        "Write {setting} without a path: {assignment}. Socket.IO takes the path of a URL for a namespace, "
        "and there is none of that name; the path on the server is /socket.io/ always."
    ),
    "public-url-local": _ErrorKind(
        "Browsers on other machines need the site's own address in {setting}, for example: {assignment}",
        Status.WARNING,
    ),
    "mixed-content": _ErrorKind(
        "Set {setting} to the address with TLS, for example: {assignment}. Pages that came over https:// "
        "may not connect to http:// or ws://."
    ),
    # The daemon, from where the site is
    "daemon-name-unknown": _ErrorKind(
        "Correct the host in {setting}, or make its name known to this machine. In Docker it is the name of the "
        "daemon's service, and both have to share a network."
    ),
    "daemon-refused": _ErrorKind(
        "Start the daemon (oyez serve), or correct {setting}: the daemon's log names its addresses at its start "
        "(the port is {port_hint}). {host_hint}"
    ),
    "daemon-silent": _ErrorKind(
        "Correct the host and port in {setting}. If they are right, a firewall drops the packets, or the daemon hangs: "
        "restart it."
    ),
    "daemon-tls": _ErrorKind("Write {setting} with http:// or ws:// if the daemon is spoken to without a proxy."),
    "daemon-broken": _ErrorKind(
        "Correct the port in {setting}: what listens there is no daemon, or one that is stopping."
    ),
    "daemon-http-status": _ErrorKind(
        "Look at the log of what answers at {setting}. Better let the site post to the daemon itself, without a proxy "
        "in between: {assignment}"
    ),
    "not-a-daemon": _ErrorKind(
        "Correct the port in {setting}: the daemon's log names its addresses at its start (the port is {port_hint})."
    ),
    "other-daemon": _ErrorKind(
        "If it should be Oyez, stop the other daemon and let Oyez take its port, or correct {setting}. If a proxy is "
        "in between, nothing is wrong.",
        Status.WARNING,
    ),
    "post-not-websocket": _ErrorKind(
        "Correct {setting}: raw posters connect to the address of [post_listener] (port 15101 if not set otherwise), "
        "or to /post on the main port, for example: {assignment}"
    ),
    "post-wrong-door": _ErrorKind(
        "Correct {setting}: it leads to where browsers listen. Raw posters connect to the address of [post_listener] "
        "(port 15101 if not set otherwise), or to /post on the main port, for example: {assignment}"
    ),
    "key-refused": _ErrorKind(_KEY_CURE),
    "key-for-some-channels": _ErrorKind(
        "Nothing, if may_post of the key in {setting} has all channels that the site posts to. To have the rest of the "
        'way tried, add "oyez-doctor-*" to it in the daemon\'s settings, and run oyez reload.',
        Status.WARNING,
    ),
    "key-wanted": _ErrorKind(_KEY_CURE),
    "auth-unknown": _ErrorKind(
        "Remove {setting} from the site's settings, or run Oyez in place of that daemon: it knows no keys, and its "
        "answer to one makes every page of the site fail."
    ),
    "post-failed": _ErrorKind("Look into the daemon's log; if {setting} leads through a proxy, into its log too."),
    "last-id-zero": _ErrorKind(
        "Run Oyez behind {setting}: pages leave live updates out when the newest id is 0, and Oyez never says 0."
    ),
    # The public address, as a browser sees it
    "public-name-unknown": _ErrorKind("Correct the host in {setting}, or its DNS entry."),
    "public-refused": _ErrorKind(
        "Correct host and port in {setting}, or start the proxy there. Behind a proxy the port is the proxy's, not the "
        "daemon's: {assignment}"
    ),
    "public-silent": _ErrorKind(
        "Look for a firewall in front of {setting}, and for a proxy_pass to a host that does not answer."
    ),
    "public-tls": _ErrorKind(
        "Renew or replace the certificate of the host in {setting}; or, if the site has no https://, write {setting} "
        "with http:// or ws://."
    ),
    "public-broken": _ErrorKind("Correct the port in {setting}: what listens there does not speak HTTP as expected."),
    "public-redirect": _ErrorKind(
        "Set {setting} to where the redirect leads: {assignment}. A WebSocket follows no redirects."
    ),
    "proxy-bad-gateway": _ErrorKind(
        "Correct proxy_pass in nginx's location {path}, where {setting} leads: it has to name the address of "
        "{upstream}. If nginx runs in a container, 127.0.0.1 is that container itself."
    ),
    "proxy-no-location": _ErrorKind(
        "Add a location {path} to nginx's server block for the host in {setting}: location {path} {{ proxy_pass "
        f"http://HOST:PORT; {_NGINX_UPGRADE} }}}} with the address of {{upstream}}."
    ),
    "path-stripped": _ErrorKind(
        "Write proxy_pass in nginx's location {path} without a slash or a path behind the port, as in proxy_pass "
        "http://127.0.0.1:15100; ({setting} is right.) With one, nginx takes {path} out of the address, and the daemon "
        "does not know what is left."
    ),
    "public-not-daemon": _ErrorKind(
        "Correct {setting}, or the location {path} in nginx: something else than the daemon answers there."
    ),
    "public-http-status": _ErrorKind(
        "Look at what the proxy's location {path} does (passwords, limits, addresses); {setting} leads to it, and the "
        "proxy's log gives the reason."
    ),
    "at-capacity": _ErrorKind(
        "Raise {setting} in the daemon's settings; if it is 0, the daemon's limit of open files (ulimit -n)."
    ),
    "upgrade-lost": _ErrorKind(
        f"Add to nginx's location {{path}}: {_NGINX_UPGRADE} "
        "Another proxy or a CDN in front of {setting} has to let WebSockets pass, too."
    ),
    "listener-refused": _ErrorKind("Look into the daemon's log; {setting} leads to a daemon that refuses listeners."),
    "channel-closed": _ErrorKind(
        "Nothing, if the pages' channels can be followed. To have the rest of the way tried, let the first of the "
        'daemon\'s rules be [[channels]] with match = "oyez-doctor-*", which is open, and run oyez reload.',
        Status.WARNING,
    ),
    "event-lost": _ErrorKind(
        "Let {setting} and {post_setting} lead to the same daemon: what is posted to the one does not arrive at the "
        "other. Look for a second daemon, and compare the port of proxy_pass in nginx's location {path}."
    ),
    "event-late": _ErrorKind(
        "Look at the load of the machine and of the network; no setting, neither {setting} nor another, holds events "
        "back on purpose.",
        Status.WARNING,
    ),
    "stream-buffered": _ErrorKind(
        "Add to nginx's location {path}: proxy_buffering off; gzip off; and remove proxy_ignore_headers "
        "X-Accel-Buffering. A CDN in front of {setting} has to pass text/event-stream on as it comes."
    ),
    "api-exposed": _EXPOSED,
    "metrics-exposed": _ErrorKind("Remove /metrics from nginx's locations for the host in {setting}.", Status.WARNING),
    "stranger-posts": _ErrorKind(
        "Choose a long random {post_key}, and give it to the site and to the daemon alike: whoever reaches {setting} "
        f"can forge events. Then add to nginx's location {{path}}: {_NGINX_VISITOR}"
    ),
    "visitor-hidden": _ErrorKind(
        f"Add to nginx's location {{path}}, where {{setting}} leads: {_NGINX_VISITOR} If they are there, name the "
        "proxy's address in the daemon's setting http.trusted_proxies. (X-Real-IP is not believed.) Until then a "
        "limit of one address holds for no visitor; or, where the proxy is not trusted, for all of them together.",
        Status.WARNING,
    ),
    "post-exposed": _EXPOSED,
}


def found(code: str, setting: str, seen: str, **words: object) -> Finding:
    """Make a finding; `words` are what its cure needs besides the setting."""
    kind = KINDS[code]
    example = words.get("example")
    words["assignment"] = f"{setting} {example}" if setting.startswith("-") else f"{setting} = {example!r}"
    return Finding(code, kind.weight, setting, seen, kind.cure.format(setting=setting, **words))


def failure(*findings: Finding) -> Outcome:
    """Make the outcome of a step that found something."""
    return Outcome(" and ".join(finding.seen for finding in findings), findings)
