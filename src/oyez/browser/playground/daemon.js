/* The daemon that this page is of: what it told the page, and how it is asked. */

export const settings = JSON.parse(document.querySelector("#settings").textContent);

/* Where the daemon is, as this page found it; it ends in a slash. */
export const address = new URL(".", location.href).href;

const keyField = document.querySelector("#key");

/* Whether the person has to name the key: the daemon puts it into the page on its own machine only. */
const asksForKey = settings.key === null;
document.querySelector("#key-asked").hidden = !asksForKey;

/* Ask the daemon; returns its answer, or throws an Error whose message a person can read. */
export async function ask(path, options = {}) {
  const text = asksForKey ? keyField.value.trim() : settings.key;
  if (!text) {
    keyField.focus();
    throw new Error("Enter the key: the daemon has printed it at its start.");
  }
  const key = String.fromCharCode(...new TextEncoder().encode(text));   // a header carries bytes
  const headers = {Authorization: `Bearer ${key}`, "Content-Type": "application/json"};
  let response;
  try {
    response = await fetch(path, {...options, headers});
  } catch {
    throw new Error("The daemon cannot be reached.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(`Refused: ${answer.message || response.statusText} (${answer.code || response.status})`);
  return answer;
}

/* Return the newest id of all channels, or 0 if the daemon does not answer. A poll that does not wait needs no key for it. */
export async function askNewest() {
  try {
    const response = await fetch("channels/(nobody posts here)?nowait=1", {cache: "no-store"});
    return (await response.json()).id || 0;
  } catch {
    return 0;
  }
}
