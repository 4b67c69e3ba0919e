// Keeps what a page shows as the site has it: an event only says "something changed", then the page is fetched anew and
// what differs in its [data-live] parts is put in place. event.js has opened the connection; see {% oyez_listen %}.
"use strict";

const parts = [...document.querySelectorAll("[data-live]")];
const [everyMs, pollMs] = ["every", "poll"].map((name) => Math.max(...parts.map((part) => part.dataset[name] || 0)));
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let isComplete = Number(document.querySelector("script[data-last]").dataset.last) > 0; // 0: rendered without a daemon

document.addEventListener("oyez:message", ({ detail }) => {
  note(detail.id, JSON.stringify(detail.message));
  refresh();
});
document.addEventListener("oyez:gap", () => refresh()); // something is gone from the daemon, but the site has it all
document.addEventListener("oyez:state", ({ detail }) => {
  const isLive = detail.state === "live";
  if (isLive && !isComplete) refresh(Math.random() * 500); // not all pages at once
  isComplete = isLive;
  const badge = document.getElementById("badge");
  badge.dataset.state = detail.state;
  badge.textContent = detail.state === "stale" ? "out of date" : detail.state;
});
if (pollMs) setInterval(refresh, pollMs);

// --- Fetching: one request at a time, at most one in `everyMs`, and always one after the last event. ---------------------

let timer = null;
let fetching = false;
let again = false;
let lastMs = -Infinity;

function refresh(atLeastMs = 0) {
  if (fetching) again = true;
  else timer ||= setTimeout(update, Math.max(atLeastMs, lastMs + everyMs - performance.now()));
}

async function update() {
  timer = null;
  fetching = true;
  lastMs = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { "X-Update": "1" } });
    if (!answer.ok) throw new Error(answer.statusText);
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    lastMs += 2000; // the site is away: again, but not at once
    again = true;
  }
  fetching = false;
  if (again) {
    again = false;
    refresh();
  }
}

// --- Showing: rows are known by their ids, so that those that stay are left alone, and those that moved can be seen to. --

function show(fresh) {
  for (const part of parts) {
    const news = fresh.getElementById(part.id);
    if (!news || news.innerHTML === part.innerHTML) continue;
    if ([...news.children].every((child) => child.id)) merge(part, [...news.children]);
    else part.replaceChildren(...news.childNodes);
  }
}

function merge(part, rows) {
  const tops = new Map([...part.children].map((row) => [row.id, row.getBoundingClientRect().top]));
  const kept = new Set(rows.map((row) => row.id));
  for (const row of [...part.children]) if (!kept.has(row.id)) row.remove();
  rows.forEach((row, place) => {
    const old = document.getElementById(row.id);
    if (old && old.outerHTML !== row.outerHTML) old.replaceWith(row);
    const shown = old && old.isConnected ? old : row;
    if (part.children[place] !== shown) part.insertBefore(shown, part.children[place] || null);
  });
  if (!calm.matches) for (const row of part.children) move(row, tops.get(row.id));
}

function move(row, from) {
  const way = from - row.getBoundingClientRect().top;
  if (from === undefined) row.animate({ opacity: [0, 1] }, 300);
  else if (Math.abs(way) > 1) row.animate({ transform: [`translateY(${way}px)`, "none"] }, { duration: 400, easing: "ease-out" });
}

// --- The list of events at the foot of the page, and forms that need no new page. ----------------------------------------

function note(id, text) {
  const count = document.getElementById("heard-count");
  count.textContent = Number(count.textContent) + 1;
  const line = document.createElement("li");
  const number = document.createElement("code");
  number.textContent = id;
  line.append(number, ` ${text}`);
  const list = document.getElementById("heard");
  list.prepend(line);
  if (list.children.length > 30) list.lastChild.remove();
}

for (const form of document.querySelectorAll("form[data-quiet]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch(location.href, { method: "POST", body: new FormData(form), headers: { "X-Update": "1" } });
    if (new URL(answer.url).pathname !== location.pathname) location.assign(answer.url); // to sign in
    form.reset();
    refresh();
  });
}
