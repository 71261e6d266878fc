/* The heist of your Regulars server on stream. The game runs on the server: this only shows it, and
   reports who subscribes. However many copies are open, there is one game. */
"use strict";

const POLL_MS = 2000;
const LONGEST_PAUSE_MS = 30000;
const MOST_WAITING = 200;

let fields = {};
let isEditor = false;
let failures = 0;
let waiting = [];
let sentBefore = new Set();
let shown = null;
let endedAt = null;

const part = (id) => document.getElementById(id);
const log = (...words) => console.log("[Heist Widget]", ...words);

function request(path, options) {
  const address = String(fields.serverUrl || "").trim().replace(/\/+$/, "");
  return fetch(address + path, {
    ...options,
    credentials: "omit",
    headers: { Authorization: "Bearer " + String(fields.widgetKey || "").trim(), "Content-Type": "application/json" },
  }).then((response) => {
    if (!response.ok) throw new Error("the server answered " + response.status);
    return response.json();
  });
}

/* -- what is shown -- */

function number(value) {
  return Number(value || 0).toLocaleString("en-US");
}

function child(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

function seconds(left) {
  return Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
}

function show(state) {
  shown = state;
  const isOver = ["cooldown", "done", "cancelled", "none"].includes(state.state);
  if (!isOver) endedAt = null;
  else if (endedAt === null) endedAt = Date.now();
  const after = Number(fields.hideAfter === undefined ? 60 : fields.hideAfter);
  const isHidden = state.state === "none" || state.state === "cancelled" ||
    (isOver && after > 0 && Date.now() - endedAt > 1000 * after);
  part("heist").hidden = isHidden && !isEditor;
  part("title").textContent = fields.title || "Heist";
  part("timer").textContent = state.state === "open" ? seconds(state.seconds_left) : { locked: "🔒", resolving: "🎲" }[state.state] || "";
  const facts = ["Crew " + number(state.players) + (state.most ? " / " + number(state.most) : ""), "Bank " + number(state.bank)];
  if (["paying", "cooldown", "done"].includes(state.state)) facts.push("Won " + number(state.paid));
  part("facts").textContent = state.number ? facts.join(" · ") : "";
  part("rows").replaceChildren(...state.rows.map((one) => {
    const row = document.createElement("li");
    row.append(child("span", "name", one.name));
    if (one.tier) row.append(child("span", "tier", one.tier));
    row.append(child("span", "points", one.profit === null ? number(one.stake) : "+" + number(one.profit)));
    return row;
  }));
  part("hint").textContent = state.state === "open" ? "Type !" + state.command + " amount in chat" : "";
  setUp(state);
}

function setUp(state) {
  const box = part("setup");
  box.hidden = !isEditor || fields.showBonus === "off";
  if (box.hidden) return;
  const lines = state.bonus.map((one) => one.tier + ": " + (one.percent === 100 ? "no bonus" : "winnings × " + one.percent / 100));
  const link = document.createElement("a");
  link.textContent = "Change it on the dashboard";
  if (/^https?:/.test(state.settings_url)) link.href = state.settings_url;
  box.replaceChildren(child("div", "", "Subscriber bonus\n" + lines.join("\n")), link);
}

function trouble(text) {
  if (!isEditor) return;
  part("setup").hidden = false;
  part("setup").textContent = text;
}

function tick() {
  if (shown && shown.state === "open" && shown.seconds_left > 0) {
    shown.seconds_left -= 1;
    part("timer").textContent = seconds(shown.seconds_left);
  }
}

async function poll() {
  try {
    show(await request("/widget/heist"));
    if (failures) log("Connected again");
    failures = 0;
    await send();
  } catch (error) {
    failures += 1;
    if (failures === 1) log("Not connected:", error.message);
    trouble("Not connected: " + error.message + ". Check the address and the widget key.");
  }
  setTimeout(poll, failures ? Math.min(POLL_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS) : POLL_MS);
}

/* -- who subscribes -- */

async function send() {
  while (waiting.length) {
    const some = waiting.slice(0, 50);
    await request("/widget/heist/subscribers", { method: "POST", body: JSON.stringify({ subscribers: some }) });
    waiting = waiting.slice(some.length);
  }
}

function remember(event, at) {
  if (!event || typeof event !== "object") return;
  const name = event.name || event.username || event.displayName;
  if (event.bulkGifted) {
    log("Gift bomb from", name || "somebody", "- each receiver has an event of their own");
    return;
  }
  if (!name || event.isTest || event.isEmulated) {
    log("Ignored a test event, or one without a name");
    return;
  }
  const one = {
    name: String(event.name || event.username || name), displayName: String(event.displayName || name),
    providerId: event.providerId, tier: event.tier, provider: event.provider, gifted: Boolean(event.gifted),
    _id: event._id, activityId: event.activityId, createdAt: event.createdAt || at,
  };
  const key = [one.activityId || one._id || one.name.toLowerCase(), one.tier].join("|");
  if (sentBefore.has(key)) return;
  sentBefore.add(key);
  waiting = [...waiting, one].slice(-MOST_WAITING);
  log("Cached tier for " + one.displayName + ": " + (one.tier || "unknown"));
}

function prime(detail) {
  const data = (detail.session && detail.session.data) || {};
  const recent = Array.isArray(data["subscriber-recent"]) ? data["subscriber-recent"] : Object.values(data["subscriber-recent"] || {});
  const recents = (Array.isArray(detail.recents) ? detail.recents : []).filter((one) => one && (one.type === "subscriber" || one.listener === "subscriber-latest"));
  for (const one of [...recents, ...recent]) remember({ ...one, ...(one.data || {}) }, one.createdAt);
  const latest = data["subscriber-latest"];
  // Without a time it may be long ago.
  if (latest && latest.createdAt) remember(latest);
}

window.addEventListener("onWidgetLoad", async ({ detail }) => {
  fields = detail.fieldData || {};
  isEditor = Boolean(detail.overlay && detail.overlay.isEditorMode);
  if (window.SE_API && window.SE_API.getOverlayStatus) {
    const status = await window.SE_API.getOverlayStatus();
    isEditor = Boolean(status && status.isEditorMode);
  }
  prime(detail);
  setInterval(tick, 1000);
  poll();
});

window.addEventListener("onEventReceived", ({ detail }) => {
  if (detail && detail.listener === "subscriber-latest") remember(detail.event);
});

window.addEventListener("onSessionUpdate", ({ detail }) => prime(detail || {}));
