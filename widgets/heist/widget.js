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
let closesAt = 0;
let endedAt = null;
let isPolling = false;
let loggedTiers = new Map();
let loggedHeist = null;

const part = (id) => document.getElementById(id);
const log = (text) => console.log("[Heist Widget] " + text);

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

// The countdown stands out in the last 30 seconds, and more in the last 10.
function countDown() {
  const isOpen = shown.state === "open";
  const left = Math.max(0, Math.round((closesAt - Date.now()) / 1000));
  const timer = part("timer");
  timer.textContent = isOpen ? Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0") : { locked: "🔒", resolving: "🎲" }[shown.state] || "";
  timer.className = "timer" + (!isOpen || left > 30 ? "" : left > 10 ? " soon" : " last");
  part("hint").textContent = !isOpen ? "" : (left > 30 ? "Type !" : "Last " + left + " seconds! Type !") + shown.command + " amount in chat";
}

function show(state) {
  shown = state;
  closesAt = Date.now() + 1000 * (state.seconds_left || 0);
  const isOver = ["cooldown", "done", "cancelled", "none"].includes(state.state);
  if (!isOver) endedAt = null;
  else if (endedAt === null) endedAt = Date.now();
  const after = Number(fields.hideAfter === undefined ? 60 : fields.hideAfter);
  const isHidden = state.state === "none" || state.state === "cancelled" ||
    (isOver && after > 0 && Date.now() - endedAt > 1000 * after);
  part("heist").hidden = isHidden && !isEditor;
  part("title").textContent = fields.title || "Heist";
  countDown();
  const facts = ["Crew " + number(state.players) + (state.most ? " / " + number(state.most) : ""), "Bank " + number(state.bank)];
  if (["paying", "cooldown", "done"].includes(state.state)) facts.push("Won " + number(state.paid));
  part("facts").textContent = state.number ? facts.join(" · ") : "";
  part("rows").replaceChildren(...state.rows.map((one) => {
    const row = document.createElement("li");
    row.append(child("span", "name", one.name));
    if (one.tier) row.append(child("span", "tier " + (one.twitch_tier === "prime" ? "prime" : "t" + one.twitch_tier), one.tier));
    row.append(child("span", "points", one.profit === null ? number(one.stake) : "+" + number(one.profit)));
    return row;
  }));
  logTiers(state);
  setUp(state);
}

// The lines that the console of the original widget shows, so that its guide can be followed.
const TIER_NAMES = { prime: "Prime", 1000: "Tier 1", 2000: "Tier 2", 3000: "Tier 3" };

function logTiers(state) {
  if (state.number !== loggedHeist) loggedTiers = new Map();
  loggedHeist = state.number;
  for (const one of state.rows) {
    if (loggedTiers.get(one.name) === one.twitch_tier) continue;
    loggedTiers.set(one.name, one.twitch_tier);
    const tier = TIER_NAMES[one.twitch_tier];
    if (!tier) {
      log(one.name + " tier not in cache - may need to sub/resub to populate");
      log("Getting tier name from event: ");
      log("Could not determine subscriber tier from event data, no bonus applied");
      continue;
    }
    log(one.name + " tier from cache: " + one.twitch_tier);
    log("Subscriber tier from event: " + one.twitch_tier);
    if (one.multiplier === 1) continue;
    log(tier + " subscriber bonus: " + one.multiplier);
    log(one.name + " has " + tier + " bonus: " + one.multiplier + "x multiplier");
  }
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

async function poll() {
  try {
    show(await request("/widget/heist"));
    if (failures) log("Connected again");
    failures = 0;
    await send();
  } catch (error) {
    failures += 1;
    if (failures === 1) log("Not connected: " + error.message);
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
  const login = String(event.name || event.username || "").toLowerCase();
  const name = login || String(event.displayName || "");
  if (event.bulkGifted) {
    log("Gift bomb from " + (name || "somebody") + ": each receiver has an event of their own");
    return;
  }
  if (event.isTest || event.isEmulated || !(login || event.providerId)) {
    log("Ignored a test event, or one with neither a login nor an id");
    return;
  }
  const one = {
    name: login, displayName: event.displayName, providerId: event.providerId, tier: event.tier,
    provider: event.provider, _id: event._id, activityId: event.activityId, createdAt: event.createdAt || at,
  };
  const key = [one.activityId || one._id || login || one.providerId, one.tier].join("|");
  if (sentBefore.has(key)) return;
  sentBefore.add(key);
  waiting = [...waiting, one].slice(-MOST_WAITING);
  log("Cached tier for " + name + ": " + (one.tier || "subscriber"));
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
  if (isPolling) return; // the editor loads a widget more than once
  isPolling = true;
  setInterval(() => shown && countDown(), 1000);
  poll();
});

window.addEventListener("onEventReceived", ({ detail }) => {
  if (detail && detail.listener === "subscriber-latest") remember(detail.event);
});

window.addEventListener("onSessionUpdate", ({ detail }) => prime(detail || {}));
