// The way over another tab's connection. What it takes is in event-extras.js, which few pages need.

import { importExtras } from "../files.js";
import { Feed } from "../feed.js";

export async function openShare(feed, link, ways) {
  return (await importExtras()).openShare(feed, link, ways, Feed);
}
