// The chosen person and place. They are in the address, so that a reload keeps them and two
// windows can show two people.

const fields = { as: "nora", server: "", channel: "", tab: "discord" };

export function loadSession() {
  const given = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(
    Object.entries(fields).map(([name, usual]) => [name, given.get(name) ?? usual]),
  );
}

export function saveSession(session) {
  const kept = Object.keys(fields).filter((name) => session[name]);
  const hash = new URLSearchParams(kept.map((name) => [name, session[name]]));
  history.replaceState(null, "", `#${hash}`);
}

/** The address was changed by hand or by the back button: `onChange(session)`. */
export function followAddress(onChange) {
  addEventListener("hashchange", () => onChange(loadSession()));
}

/** Small memory of this browser tab, such as which suggestions were tried; never essential. */
export const memory = {
  get(name) {
    try { return JSON.parse(sessionStorage.getItem(name)); } catch { return null; }
  },
  set(name, value) {
    try { sessionStorage.setItem(name, JSON.stringify(value)); } catch { /* storage is off */ }
  },
};
