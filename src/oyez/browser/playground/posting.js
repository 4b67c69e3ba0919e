/* The form that posts. */

import { ask } from "./daemon.js";
import { noteSent } from "./durations.js";
import { find, grows, make, spaced } from "./elements.js";

const EXAMPLES = [
  ["test-case", "sub_demo", {type: "test-case", id: 3}],
  ["grading-end", "sub_demo", {type: "grading-end", time: 0.124, memory: 3412, points: 100, total: 100, result: "AC"}],
  ["update-submission", "submissions", {type: "update-submission", state: "test-case", id: 1042, contest: null, user: 7,
    problem: 3, status: "G", language: "CPP17"}],
  ["ranking-update", "contest_demo", {type: "ranking-update"}],
];

const channel = find("#channel");
const message = find("#message");
const outcome = find("#outcome");

export function say(kind, text) {
  outcome.className = `outcome ${kind}`;
  outcome.textContent = text;
}

async function post(name, text) {
  const left = performance.now();
  const {id} = await ask("api/publish", {
    method: "POST", body: `{"channel":${JSON.stringify(name)},"message":${text}}`,
  });
  noteSent(id, left);
  return id;
}

async function postForm(times = 1) {
  const [name, text] = [channel.value, message.value];
  channel.removeAttribute("aria-invalid");
  message.removeAttribute("aria-invalid");
  if (!name) {
    channel.setAttribute("aria-invalid", "true");
    channel.focus();
    return say("bad", "Name a channel.");
  }
  try {
    JSON.parse(text);
  } catch (error) {
    message.setAttribute("aria-invalid", "true");
    message.focus();
    return say("bad", text.trim() ? `This is not JSON: ${error.message}. A text needs "quotes".` : "Write a message, such as {} or \"hello\".");
  }
  await postTimes(name, text, times);
}

/* Post one after the other: a browser would let the rest wait for a connection, and its wait would look like the daemon's. */
async function postTimes(name, text, times) {
  let [id, posted] = [0, 0];
  try {
    for (; posted < times; posted++) id = await post(name, text);
    say("good", times === 1 ? `Posted, with the id ${id}.` : `Posted ${times} events, up to the id ${id}.`);
  } catch (error) {
    say("bad", posted ? `${error.message} ${posted} of ${times} were posted.` : error.message);
  }
}

/* Put the examples there, and post when the form is sent. */
export function beginPosting() {
  for (const [label, name, data] of EXAMPLES) {
    const button = make("button", "", label);
    button.type = "button";
    button.onclick = () => {
      channel.value = name;
      channel.dispatchEvent(new Event("input"));
      message.value = spaced(data);
      postForm();
    };
    find("#examples").append(button);
  }
  grows(channel);
  find("#post").onsubmit = (event) => { event.preventDefault(); postForm(); };
  find("#burst").onclick = () => postForm(50);
}
