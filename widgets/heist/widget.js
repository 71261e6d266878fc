/* The heist of your Regulars server on stream. The game runs on the server: this only shows it, and
   reports who subscribes. However many copies are open, there is one game. */
"use strict";

const POLL_MS = 2000;
const LONGEST_PAUSE_MS = 30000;
const LONGEST_ANSWER_MS = 10000;
const MAX_WAITING = 200;
const MAX_SENT = 50;
const LONGEST_TEXT = 100;
// The server will not take such a report later either.
const REFUSED = [400, 413, 422];

let fields = {};
let isEditor = false;
let failures = 0;
let waiting = [];
let batch = MAX_SENT;
let sendFailures = 0;
let sendAgainAt = 0;
let sentBefore = new Set();
let shown = null;
let closesAt = 0;
let endedAt = null;
let isPolling = false;
let loggedTiers = new Map();
let loggedHeist = null;

const part = (id) => document.getElementById(id);
function log(text) {
  if (typeof console === "object" && console && console.log) console.log("[Heist Widget] " + text);
}

function request(path, options) {
  const address = String(fields.serverUrl || "").trim().replace(/\/+$/, "");
  const answer = fetch(address + path, {
    ...options,
    credentials: "omit",
    headers: { Authorization: "Bearer " + String(fields.widgetKey || "").trim(), "Content-Type": "application/json" },
  }).then((response) => {
    if (response.ok) return response.json();
    const error = new Error("the server answered " + response.status);
    error.status = response.status;
    throw error;
  });
  const tooLate = new Promise((_resolve, reject) => setTimeout(() => reject(new Error("the server did not answer")), LONGEST_ANSWER_MS));
  return Promise.race([answer, tooLate]);
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

// OBS may have a browser without replaceChildren.
function fill(box, children) {
  box.textContent = "";
  for (const one of children) box.appendChild(one);
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
  fill(part("rows"), state.rows.map((one) => {
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
  fill(box, [child("div", "", "Subscriber bonus\n" + lines.join("\n")), link]);
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
  } catch (error) {
    failures += 1;
    if (failures === 1) log("Not connected: " + error.message);
    trouble("Not connected: " + error.message + ". Check the address and the widget key.");
  }
  if (!failures && waiting.length && Date.now() >= sendAgainAt) await send();
  setTimeout(poll, failures ? Math.min(POLL_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS) : POLL_MS);
}

/* -- who subscribes -- */

// What is refused for good is dropped: alone, where the server refuses several together. What could
// not be sent waits, and the heist is shown meanwhile.
async function send() {
  try {
    while (waiting.length) {
      const some = waiting.slice(0, batch);
      const isRefused = await sendSome(some);
      if (isRefused && some.length > 1) {
        batch = 1;
        continue;
      }
      waiting = waiting.filter((one) => !some.includes(one));
    }
    batch = MAX_SENT;
    sendFailures = 0;
  } catch (error) {
    sendFailures += 1;
    sendAgainAt = Date.now() + Math.min(POLL_MS * 2 ** (sendFailures - 1), LONGEST_PAUSE_MS);
    if (sendFailures === 1) log("Could not report: " + error.message);
  }
}

async function sendSome(some) {
  try {
    const answer = await request("/widget/heist/subscribers", { method: "POST", body: JSON.stringify({ subscribers: some }) });
    for (const one of answer.rejected || []) log("Not counted: " + nameOf(some[one.index] || {}) + ". " + one.reason);
    return false;
  } catch (error) {
    if (!REFUSED.includes(error.status)) throw error;
    if (some.length === 1) log("Not counted: " + nameOf(some[0]) + ". " + error.message);
    return true;
  }
}

const nameOf = (one) => one.name || one.displayName || one.providerId || "somebody";

// Events may hold anything.
function plain(value) {
  if (typeof value === "string") return value.slice(0, LONGEST_TEXT);
  return typeof value === "number" ? value : undefined;
}

function remember(event, at) {
  if (!event || typeof event !== "object") return;
  const login = String(plain(event.name) || plain(event.username) || "").toLowerCase();
  const name = login || String(plain(event.displayName) || "");
  if (event.bulkGifted) {
    log("Gift bomb from " + (name || "somebody") + ": each receiver has an event of their own");
    return;
  }
  if (event.isTest || event.isEmulated || !(login || plain(event.providerId))) {
    log("Ignored a test event, or one with neither a login nor an id");
    return;
  }
  const one = { name: login, createdAt: plain(event.createdAt) || at };
  for (const key of ["displayName", "providerId", "tier", "provider", "_id", "activityId"]) one[key] = plain(event[key]);
  if (!one.createdAt) {
    log("Ignored an event without a time: it may be long ago");
    return;
  }
  const key = [one.activityId || one._id || login || one.providerId, one.tier].join("|");
  if (sentBefore.has(key)) return;
  if (sentBefore.size >= 5 * MAX_WAITING) sentBefore.clear();
  sentBefore.add(key);
  waiting = [...waiting, one].slice(-MAX_WAITING);
  log("Cached tier for " + name + ": " + (one.tier || "subscriber"));
}

function prime(detail) {
  const data = (detail.session && detail.session.data) || {};
  const recent = Array.isArray(data["subscriber-recent"]) ? data["subscriber-recent"] : Object.values(data["subscriber-recent"] || {});
  const recents = (Array.isArray(detail.recents) ? detail.recents : []).filter((one) => one && (one.type === "subscriber" || one.listener === "subscriber-latest"));
  for (const one of [...recents, ...recent]) remember({ ...one, ...(one.data || {}) }, one.createdAt);
  const latest = data["subscriber-latest"];
  if (latest && latest.createdAt) remember(latest);
}

window.addEventListener("onWidgetLoad", async ({ detail }) => {
  fields = detail.fieldData || {};
  isEditor = Boolean(detail.overlay && detail.overlay.isEditorMode);
  if (window.SE_API && window.SE_API.getOverlayStatus) {
    try {
      const status = await window.SE_API.getOverlayStatus();
      isEditor = Boolean(status && status.isEditorMode);
    } catch (error) {
      log("StreamElements did not say whether this is the editor");
    }
  }
  prime(detail);
  if (isPolling) return; // the editor loads a widget more than once
  isPolling = true;
  setInterval(() => shown && countDown(), 1000);
  poll();
});

window.addEventListener("onEventReceived", ({ detail }) => {
  if (detail && detail.listener === "subscriber-latest") remember(detail.event, new Date().toISOString());
});

window.addEventListener("onSessionUpdate", ({ detail }) => prime(detail || {}));
