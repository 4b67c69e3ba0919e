/* The two doors that are HTTP requests. A door is described in doors.js. */

/* Browsers open six connections to a server of HTTP/1.1, for all their pages together. Who listens by HTTP holds one, and
   posts need some too: with all six held, the page would stand still. */
const MOST_HELD = 4;
const TOO_MANY_HELD = `a browser has six HTTP connections for one daemon, an event stream or long poll holds one of them, ` +
  `and posts need some too; have ${MOST_HELD} such listeners at most`;
const holding = new Set();

function hold(door) {
  if (holding.size < MOST_HELD) holding.add(door);
  return holding.has(door);
}

/* EventSource: it comes back by itself, and names its position then. */
export class StreamDoor {
  constructor(link) {
    this.link = link;
  }

  connect(channels, last) {
    this.close();
    if (!hold(this)) return this.link.refused(TOO_MANY_HELD);
    const query = new URLSearchParams([...channels.map((name) => ["channel", name]), ["last", last]]);
    const source = this.source = new EventSource(`sse?${query}`);
    source.onmessage = ({data}) => this.link.event(JSON.parse(data));
    source.onerror = () => this.interrupt();
    source.addEventListener("gap", ({data}) => this.link.gap(JSON.parse(data)));
    source.addEventListener("revoked", ({data}) => this.link.revoked(JSON.parse(data)));
    source.addEventListener("status", ({data}) => this.begin(JSON.parse(data)));
  }

  close() {
    holding.delete(this);
    if (this.source) this.source.close();
    this.source = null;
  }

  begin(data) {
    this.isPutOff = data.status !== "success";
    if (data.code === NOT_ALLOWED) {
      this.close();
      this.link.refused(data);
    } else if (this.isPutOff) this.link.full();
    else this.link.joined();
  }

  interrupt() {
    if (!this.isPutOff) this.link.connecting();
    if (this.source.readyState === EventSource.CLOSED) this.explain(this.source);
  }

  /* EventSource has given up and does not say why, so ask once more in a way that does. */
  async explain(source) {
    const end = new AbortController();
    const response = await fetch(source.url, {signal: end.signal, cache: "no-store"}).catch(() => null);
    const reason = response && response.status === 400 ? await response.json().catch(() => null) : null;
    end.abort();
    if (source !== this.source) return;
    this.close();
    if (reason) this.link.refused(reason.message);
    else this.link.lost();
  }
}

const NOT_ALLOWED = "not-allowed";

export const NOT_POLLED = "in a long poll, | separates channels";
export const canBePolled = (channels) => !channels.some((name) => name.includes("|"));

/* encodeURIComponent leaves an apostrophe, with which text in a shell would end. */
export const escaped = (name) => encodeURIComponent(name).replace(/'/g, "%27");

/* Return the path of a poll. Whoever sends it takes . and .. out, but not with a separator behind. */
export const pollPath = (channels) => `channels/${channels.map(escaped).join("%7C")}`.replace(/\/\.\.?$/, "$&%7C");

/* Return the daemon's refusal to let anybody follow these channels, or null. */
export async function askRefusal(channels) {
  if (!canBePolled(channels)) return null;
  const response = await fetch(`${pollPath(channels)}?nowait=1`, {cache: "no-store"}).catch(() => null);
  return response && readRefusal(response);
}

async function readRefusal(response) {
  const answer = response.status === 403 ? await response.json().catch(() => null) : null;
  return answer && answer.code === NOT_ALLOWED ? answer : null;
}

/* One request after the other, each answered by one event. The first one is answered at once, as a sign of life. */
export class PollDoor {
  constructor(link) {
    this.link = link;
    this.end = new AbortController();
  }

  connect(channels, last) {
    this.close();
    if (!canBePolled(channels)) return this.link.refused(NOT_POLLED);
    if (!hold(this)) return this.link.refused(TOO_MANY_HELD);
    this.path = pollPath(channels);
    this.last = last;
    this.end = new AbortController();
    this.loop(this.end.signal);
  }

  close() {
    holding.delete(this);
    this.end.abort();
  }

  async loop(signal) {
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const [response, answer, refusal] = await this.poll(signal, isFirst).catch(() => []);
      if (signal.aborted) return;
      if (isFirst && answer) this.link.joined();
      if (refusal) this.giveUp(refusal);
      else if (response) this.take(response, answer);
      else this.link.lost();
    }
  }

  async poll(signal, isFirst) {
    const response = await fetch(`${this.path}?last=${this.last}&notify=1&nowait=${+isFirst}`, {signal, cache: "no-store"});
    return [response, response.ok ? await response.json() : null, await readRefusal(response)];
  }

  giveUp(refusal) {
    this.close();
    this.link.refused(refusal);
  }

  take({status, headers}, answer) {
    if (answer) {
      for (const gap of JSON.parse(headers.get("Oyez-Gap") || "[]")) this.link.gap(gap);
      this.last = answer.id;
      if ("gaps" in answer) this.link.reached(answer.id);
      else this.link.event(answer);
    } else if (status === 400) {
      this.giveUp("invalid channels");
    } else if (status !== 504) {                         // that one says that nothing came; ask again
      this.link.lost(1000 * (parseInt(headers.get("Retry-After")) || 0));
    }
  }
}
