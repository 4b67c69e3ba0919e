// The first way: a raw WebSocket (docs/reference/websocket.md). It can be asked, and its filter changed, while it is open.

const OPEN = 1; // as `WebSocket.OPEN`, which a page's stand-in for that class may lack

export async function openSocket(feed, link, url) {
  const socket = new WebSocket(url);
  const send = (command) => socket.send(JSON.stringify(command));
  link.close = () => socket.close();
  link.ask = () => {
    if (socket.readyState !== OPEN) return;
    const filter = feed.channels;
    link.asked.push(filter);
    // Only channels that are new to this link begin anywhere: the daemon goes on with the others where it is.
    send({ command: "start-msg", start: feed.start(filter.filter((channel) => !link.covered.includes(channel))) });
    send({ command: "set-filter", filter, notify: true, position: true });
  };
  socket.onopen = link.ask;
  socket.onmessage = ({ data }) => feed.take(link, JSON.parse(data));
  return new Promise((resolve) => (socket.onclose = resolve));
}

// Call back if a WebSocket can be opened there, by one that is closed at once.
export function tryToOpen(url, callBack) {
  try {
    const trial = new WebSocket(url);
    trial.onopen = () => {
      trial.close();
      callBack();
    };
  } catch {} // Firefox throws where the page's policy forbids it; other browsers only close
}
