// The page's last script: it must not be too late for the first event.
"use strict";
document.addEventListener("oyez:message", ({ detail }) => hear("late", detail.id));
