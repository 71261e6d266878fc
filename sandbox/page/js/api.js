// The control API: one way in (state and the change feed) and one way out (what people do).

/** A request that the sandbox refused; the message is its own sentence. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export async function getState() {
  const response = await fetch("/control/state");
  if (!response.ok) throw new Refused(`The sandbox answered ${response.status}.`, response.status);
  return response.json();
}

/** POST JSON to `/control/<path>`; returns the JSON answer or throws `Refused`. */
export async function post(path, body = {}) {
  let response;
  try {
    response = await fetch(`/control/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Refused("The sandbox is not running. Start it again; this page reconnects automatically.", 0);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.error ?? `Error ${response.status}`, response.status);
  return answer;
}

const AGAIN_MS = 1500;

/**
 * Listen to the change feed for ever. `onChange(change)` for each change; `onLink("live" | "lost")`.
 * The browser retries a broken stream by itself, but gives up when the answer is not a stream.
 */
export function listen({ onChange, onLink }) {
  const source = new EventSource("/control/events");
  source.onopen = () => onLink("live");
  source.onmessage = (event) => onChange(JSON.parse(event.data));
  source.onerror = () => {
    onLink("lost");
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => listen({ onChange, onLink }), AGAIN_MS);
  };
}

const GAP_MS = 120;

/**
 * Turns many "something changed" into few fetches: at most one under way, and a gap between two.
 * `load()` must not throw. Returns the function to call on each change.
 */
export function coalesce(load) {
  let running = false;
  let again = false;
  return async function changed() {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await load();
      await new Promise((resume) => setTimeout(resume, GAP_MS));
    }
    running = false;
  };
}
