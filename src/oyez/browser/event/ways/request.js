// A request of a stream or a poll, which ends with its link.

export async function get(feed, link, url) {
  const aborter = new AbortController();
  link.close = () => aborter.abort();
  // With its cache, Firefox has a tab wait for 20 s while another waits for an answer to the same request.
  const answer = await fetch(url, { cache: "no-store", signal: aborter.signal });
  if (answer.status === 400) feed.take(link, { status: "error", message: await answer.text() });
  return answer;
}
