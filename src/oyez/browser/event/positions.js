// Where a feed stands in each channel. Knows ids; must not know how events come.
//
// An id is a place in time: who is at 7 in a channel has everything of it up to 7. Ids rise over all channels together.
// 0 stands for "unknown": then the daemon begins with the newest few events.

// A name without the grant at its end (docs/reference/protocol.md). Pages follow names with their grants; events and gaps come
// with the channel alone.
export const channelOf = (name) => name.replace(/(.)![\w-]{0,32}\.[\da-z]{1,8}\.[\w-]{22}$/s, "$1");

export class Positions {
  constructor() {
    // channel -> the id at which its follower wants to begin. An entry outlives the following, so that a channel which is
    // left and followed again goes on where it was. After a gap, the id behind it.
    this.starts = new Map();

    // channel -> the id up to which all of it has come, for channels of which anything has. It moves with the events of
    // every channel that the link carries: the daemon writes in the order of ids, so what is at 9 in one has had 8 of all.
    this.at = new Map();
  }

  // The id from which a channel has to go on.
  position(channel) {
    return Math.max(this.at.get(channel) || 0, this.starts.get(channel));
  }

  // The id from which a connection has to begin that carries these channels; from here on `at` counts for them.
  start(channels) {
    const known = channels.map((channel) => this.position(channel)).filter(Boolean);
    // A connection begins where the last of its channels is. The others would have repeated what they know, but for `at`.
    for (const channel of channels) this.at.set(channel, this.position(channel));
    return known.length ? Math.min(...known) : 0;
  }

  // Take note of [channel, start] pairs. Returns whether a channel that was known has to go back, as it does when another
  // tab needs more of it than this one has had.
  beginAt(starts) {
    let back = false;
    for (const [channel, start] of starts) {
      const known = this.starts.has(channel);
      if (known && start >= this.position(channel)) continue;
      this.starts.set(channel, start);
      this.at.delete(channel);
      back = back || known;
    }
    return back;
  }

  // An event, or word of a position, has come with this id over a link that carries these channels.
  moveTo(id, channels) {
    for (const channel of channels) this.at.set(channel, Math.max(id, this.at.get(channel) || 0));
  }

  // The daemon tells that what is after `from` and before `oldest` may be gone; `newest` is the newest id that it has named.
  // Returns whether this is news: it is told again by every connection that begins before it.
  skipGap({ channel, from, oldest }, newest) {
    const idsBeganAnew = from >= oldest; // the position is of another time, or of another daemon, with higher ids
    if (!idsBeganAnew && oldest <= (this.at.get(channel) || 0) + 1) return false;
    const position = idsBeganAnew ? newest : oldest - 1;
    this.at.set(channel, position);
    this.starts.set(channel, position);
    return true;
  }
}
