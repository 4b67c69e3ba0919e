// The pages of a judge site, each with one thing that it shows. What an event says is hardly looked at: it is a hint, and
// the page then asks the site, no more often than such pages do.
"use strict";

const page = JSON.parse(document.body.dataset.page);
const view = document.getElementById("view");

async function ask(path) {
  return (await fetch(`/data/${path}`)).json();
}

// Calls at most once in `ms`, and always once after the last call.
function atMostEvery(ms, act) {
  let timer = null;
  let last = 0;
  return () => {
    timer = timer || setTimeout(() => {
      timer = null;
      last = Date.now();
      act();
    }, Math.max(0, last + ms - Date.now()));
  };
}

function line(id, text) {
  let row = document.getElementById(id);
  if (!row) {
    row = document.createElement("p");
    row.id = id;
    view.insertBefore(row, [...view.children].find((other) => other.id > id) || null); // answers may overtake each other
  }
  row.textContent = text;
}

const show = {
  // The test cases of one submission: fetched twice a second at most.
  verdict() {
    const fetchTable = atMostEvery(500, async () => { view.textContent = await ask(`submission/${page.id}`); });
    return (message) => message.type !== "compile-message" && fetchTable();
  },
  // All submissions: a row once a second while it is judged, and at once when it is done.
  list() {
    const rows = new Map();
    const fetchRow = async (id) => line(`row-${id}`, await ask(`submission/${id}`));
    return (message) => {
      if (message.type === "done-submission") return fetchRow(message.id);
      if (!rows.has(message.id)) rows.set(message.id, atMostEvery(1000, () => fetchRow(message.id)));
      return rows.get(message.id)();
    };
  },
  // The ranking: fetched a while after an event. Sites wait 10 s, which no test has.
  ranking() {
    let waiting = null;
    return (message) => {
      if (message.type !== "ranking-update" && message.type !== "update") return;
      clearTimeout(waiting);
      waiting = setTimeout(async () => { view.textContent = await ask("ranking"); }, 300);
    };
  },
  // The lobby: each message is fetched by its id, and shown once.
  chat() {
    return async (message) => message.type === "lobby" && line(`chat-${message.message}`, await ask(`chat/${message.message}`));
  },
  // The list of tickets, and one ticket's answers.
  tickets() {
    return async (message) => message.type === "new-ticket" && line(`ticket-${message.id}`, await ask(`ticket/${message.id}`));
  },
  ticket() {
    return async (message) => message.type === "ticket-message" && line(`answer-${message.message}`, await ask(`answer/${message.message}`));
  },
};

// How the page listens: its site's own class, or Oyez's with the same arguments in its place.
const listen = {
  lqdoj: (onmessage) => new EventReceiver(page.url, page.channels, page.last, onmessage),
  dmoj: (onmessage) => new WebSocketOrPoll(page.websocket, page.poller, page.channels, page.last, onmessage),
  dmoj5: (onmessage) => new EventReceiver(page.websocket, page.poller, page.channels, page.last, onmessage),
};

// A page whose site could not say where to begin has no live part at all.
if (page.last) {
  const receiver = listen[page.dialect](show[page.name]());
  receiver.onwsclose = () => { document.body.dataset.closed = "yes"; };
}
