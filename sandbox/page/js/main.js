// Connects the page: loads the state, draws the panes, and sends what people do.
import { Refused, coalesce, getState, listen, post } from "./api.js";
import { avatar } from "./avatar.js";
import { discordPane } from "./discord.js";
import { byId, h, reconcile, toast } from "./dom.js";
import { picture } from "./embeds.js";
import { faultsDrawer } from "./faults.js";
import { kickPane } from "./kick.js";
import { refreshTimes } from "./markdown.js";
import { openModal } from "./modal.js";
import { DM, View } from "./model.js";
import { followAddress, loadSession, saveSession } from "./session.js";
import { tries } from "./tries.js";
import { twitchPane } from "./twitch.js";

const TICK_MS = 1000;
const session = loadSession();
let state = null;
let view = null;

/* ---- actions of the panes ------------------------------------------------------------ */

const app = {
  say: (text, kind) => toast(text, kind),

  /** Switch the place or the person. */
  go(changes) {
    Object.assign(session, changes);
    draw();
  },

  /** Become `person`, show a tab and perhaps a channel by name; returns the new view. */
  be(person, { tab, named }) {
    app.go({ as: person, tab, server: "", kick: undefined });
    if (named) app.go({ channel: view.channelNamed(named)?.id ?? "" });
    return view;
  },

  /** POST to the control API; true on success. A refusal is shown. */
  async act(path, body, done) {
    try {
      await post(path, body);
      if (done) toast(done, "good");
      changed();
      return true;
    } catch (refusal) {
      showRefusal(refusal, body);
      return false;
    }
  },

  /** A command, button, menu or modal for the bot to answer. */
  async interact(path, body, from) {
    try {
      const { interaction_id: id, response } = await post(path, body);
      changed();
      if (response === null) toast(silence(), "error");
      if (response?.modal) showModal(id, response.modal, body.person, from);
      return true;
    } catch (refusal) {
      showRefusal(refusal, body);
      return false;
    }
  },

  /** Choices for an option that completes while typing; none if the bot does not answer. */
  async suggest(body) {
    const answer = await post("discord/autocomplete", body).catch(() => null);
    return answer?.response?.choices ?? [];
  },
};

const silence = () => (view.discord.bot?.connected
  ? "This interaction failed: the bot did not answer in time."
  : "The bot is not connected to Discord. Is Regulars running?");

function showRefusal(refusal, body) {
  if (!(refusal instanceof Refused)) throw refusal;
  const name = state.people.find((one) => one.handle === body?.person)?.display_name ?? "This person";
  const kind = /^50013|^50001/.test(refusal.message)
    ? `${name} cannot do that here (Discord: ${refusal.message}).` : refusal.message;
  toast(kind, "error");
}

function showModal(id, modal, person, from) {
  openModal(modal, { guild: from.guild, names: from.names(),
    async send(fields) {
      const answer = await post("discord/modal", { person, interaction_id: id, fields });
      changed();
      if (answer.response === null) toast(silence(), "error");
    } });
}

/* ---- drawing ------------------------------------------------------------------------------- */

const discord = discordPane(app);
const kick = kickPane(app);
const twitch = twitchPane(app);
const faults = faultsDrawer(app);
tries(app);

picture.nameOf = (id) => {
  const member = view.discord.guilds.flatMap((guild) => guild.members)
    .find((one) => one.user.id === id);
  const person = state.people.find((one) => one.discord_id === id);
  return { name: member?.display_name ?? person?.display_name ?? "?", bot: member?.handle === "bot" };
};

function draw() {
  if (!state) return;
  view = new View(state, session);
  if (session.channel !== DM) session.channel = view.channel?.id ?? "";
  session.server = view.guild?.id ?? "";
  saveSession(session);
  drawPeople();
  drawTabs();
  drawHealth();
  discord.render(view);
  kick.render(view);
  twitch.render(view);
  faults.render(view);
}

function drawPeople() {
  const chips = byId("people");
  reconcile(chips, state.people, {
    key: (one) => one.handle,
    signature: (one) => [one.display_name, one.handle === view.me],
    render: (one) => h("button", {
      type: "button", class: "chip", role: "radio", "aria-checked": String(one.handle === view.me),
      tabindex: one.handle === view.me ? 0 : -1, data: { focus: "it", person: one.handle },
      onclick: () => app.go({ as: one.handle, kick: undefined }) },
    avatar(one.display_name), one.display_name, one.role !== "viewer" && h("small", {}, one.role)),
  });
  if (chips.dataset.me === view.me) return;
  chips.dataset.me = view.me;
  const mine = chips.querySelector("[aria-checked=true]");
  chips.scrollLeft = mine.offsetLeft - chips.offsetLeft - (chips.clientWidth - mine.offsetWidth) / 2;
}

// Arrow keys move between the people, as in any group of radio buttons.
byId("people").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const handles = state.people.map((one) => one.handle);
  const next = handles.at((handles.indexOf(view.me) + step) % handles.length);
  app.go({ as: next, kick: undefined });
  byId("people").querySelector(`[data-person="${next}"]`).focus();
});

const TABS = ["discord", "kick", "twitch"];
const counts = {};

function drawTabs() {
  byId("panes").dataset.tab = session.tab;
  const now = { discord: view.messagesOf(view.channel).length, kick: view.chat.length,
    twitch: view.twitchChat.length };
  for (const name of TABS) {
    const tab = byId(`tab-${name}`);
    const open = session.tab === name;
    tab.setAttribute("aria-selected", String(open));
    tab.tabIndex = open ? 0 : -1;
    if (open || counts[name] === undefined) counts[name] = now[name];
    tab.querySelector(".dot").hidden = now[name] <= counts[name];
  }
}

for (const name of TABS) {
  byId(`tab-${name}`).addEventListener("click", () => app.go({ tab: name }));
  byId(`tab-${name}`).addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const other = TABS.at((TABS.indexOf(name) + step) % TABS.length);
    app.go({ tab: other });
    byId(`tab-${other}`).focus();
  });
}

// The bot's health page is on the host of its webhooks.
function drawHealth() {
  const webhook = view.kick?.webhooks?.url;
  byId("health").hidden = !webhook;
  if (webhook) byId("health").href = new URL("/health", webhook).href;
}

// The address after # holds the person, so the skip link must not change it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId(`${session.tab}-box`).focus();
});

/* ---- updates ------------------------------------------------------------------------------- */

const changed = coalesce(async () => {
  try {
    state = await getState();
  } catch {
    showLink("lost");
    return;
  }
  draw();
});

function showLink(name) {
  const badge = byId("link-state");
  badge.dataset.state = name;
  badge.textContent = name === "live" ? "Live" : "Reconnecting…";
}

listen({
  onChange(change) { discord.handle(change); changed(); },
  onLink(name) { showLink(name); if (name === "live") changed(); },
});
setInterval(refreshTimes, TICK_MS);
followAddress((given) => app.go({ ...given, kick: undefined }));
changed();
