// The fake Discord: servers, channels, members and the open chat.
import { avatar } from "./avatar.js";
import { composer } from "./composer.js";
import { choicesOf } from "./components.js";
import { byId, h, keepAtEnd, reconcile } from "./dom.js";
import { firstWords, isContinued, messageElement } from "./message.js";
import { DM, MANAGE_MESSAGES } from "./model.js";

const PIN_MESSAGES = 1n << 51n;
const TYPING_MS = 8000;

/**
 * `app`: `{go(changes), act(what, then), post}` of main.js. The returned `render(view)` draws what
 * changed; `handle(change)` takes the change feed for typing notes.
 */
export function discordPane(app) {
  const chat = byId("messages");
  const dismissed = new Set();
  const known = new Set();
  const seen = new Map();
  const typing = new Map();
  const box = composer(app);
  let view = null;
  let drawn = "";

  byId("composer").append(box.element);
  byId("open-pins").addEventListener("click", () => { drawPins(view, app); byId("pins").showModal(); });
  byId("to-sidebar").addEventListener("click", () => toggleSidebar());
  wireEnd(chat, byId("discord-to-end"));

  const act = {
    use: (message, one, values) => app.interact("discord/click",
      { person: view.me, message_id: message.id, custom_id: one.custom_id, values }, view),
    react: (message, emoji, remove) => app.act("discord/react",
      { person: view.me, message_id: message.id, emoji, remove }),
    reply: (message) => box.replyTo(message.id, `${message.author_name}: ${firstWords(message)}`),
    remove: (message) => app.act("discord/delete_message", { person: view.me, message_id: message.id }),
    pin: (message, remove) => app.act("discord/pin",
      { person: view.me, message_id: message.id, remove }),
    dismiss(message) { dismissed.add(message.id); render(view); },
    mayRemove: (message) => message.author_handle === view.me
      || (!view.inDm && view.may(MANAGE_MESSAGES)),
    get mayPin() { return view.inDm || view.may(PIN_MESSAGES); },
  };

  function render(next) {
    view = next;
    noteSeen();
    drawRail(view, app, isNews);
    drawSidebar(view, app, isNews);
    drawHead(view);
    drawMessages();
    drawMembers(view);
    if (byId("pins").open) drawPins(view, app);
    box.render(view, typingNames());
  }

  function drawMessages() {
    const place = `${view.me} ${view.channel?.id ?? ""}`;
    const moved = place !== drawn;
    drawn = place;
    if (moved) chat.replaceChildren();
    keepAtEnd(chat, () => drawList(chat, rows()));
    if (moved) chat.scrollTop = chat.scrollHeight;
  }

  function rows() {
    if (!view.channel) return [{ key: "nowhere", draw: () => nowhere(view, app) }];
    const messages = view.messagesOf(view.channel).filter((one) => !dismissed.has(one.id));
    const names = view.names();
    const first = { key: "welcome", print: [view.channel.topic], draw: () => welcome(view) };
    return [first, ...messages.map((message, index) => {
      const compact = isContinued(message, messages[index - 1]);
      const use = (one, values) => act.use(message, one, values);
      const ctx = { view, names, compact, act, use, choices: (one) => choicesOf(one, view.guild) };
      return { key: message.id, print: [message, compact, view.namesPrint],
        draw: () => messageElement(message, ctx) };
    })];
  }

  const lastId = (channel) => view.messagesOf(channel).at(-1)?.id ?? "0";
  const seenKey = (channel) => `${view.me} ${channel.id}`;

  // The open channel counts as read, and so does everything when switching to a person.
  function noteSeen() {
    const all = [...view.guilds.flatMap((guild) => view.channelsOf(guild)), view.dm].filter(Boolean);
    for (const one of all) {
      if (one === view.channel || !known.has(view.me)) seen.set(seenKey(one), lastId(one));
    }
    known.add(view.me);
  }
  const isNews = (channel) => (seen.get(seenKey(channel)) ?? "0") !== lastId(channel);

  function typingNames() {
    const guild = view.guild;
    const now = Date.now();
    return [...typing.values()]
      .filter((one) => one.channel === view.channel?.id && now - one.at < TYPING_MS)
      .map((one) => guild?.members.find((member) => member.user.id === one.user))
      .filter((member) => member && member.handle !== view.me).map((member) => member.display_name);
  }

  function handle(change) {
    if (change.area === "discord.message" && change.author_id) typing.delete(change.author_id);
    if (change.area !== "discord.typing") return;
    typing.set(change.user_id, { user: change.user_id, channel: change.channel_id, at: Date.now() });
    setTimeout(() => view && box.render(view, typingNames()), TYPING_MS);
  }

  return { render, handle, box };
}

const drawList = (parent, items) => reconcile(parent, items, {
  key: (item) => item.key, signature: (item) => item.print ?? "", render: (item) => item.draw(),
});

/* ---- the left side ------------------------------------------------------------------------- */

function drawRail(view, app, isNews) {
  drawList(byId("rail"), view.guilds.map((guild) => {
    const current = !view.inDm && guild === view.guild;
    const news = view.channelsOf(guild).some(isNews);
    const initials = guild.name.split(/\s+/).map((word) => word[0]).join("").slice(0, 3);
    return { key: guild.id, print: [guild.name, current, news], draw: () => h("button", {
      type: "button", class: news ? "server news" : "server", title: guild.name,
      "aria-label": news ? `${guild.name}, new messages` : guild.name,
      "aria-current": current ? "true" : null, data: { focus: "it" },
      onclick: () => app.go({ server: guild.id, channel: "" }) }, initials) };
  }));
}

function drawSidebar(view, app, isNews) {
  const guild = view.guild;
  const items = [{ key: "title", print: guild?.name ?? "",
    draw: () => h("h3", {}, guild?.name ?? "No server") }];
  items.push({ key: "texts", draw: () => h("h4", {}, "Text channels") });
  for (const channel of view.channelsOf(guild)) {
    const current = !view.inDm && channel === view.channel;
    items.push(placeItem(channel.id, "#", channel.name, current, isNews(channel),
      () => open(app, channel.id)));
  }
  items.push({ key: "dms", draw: () => h("h4", {}, "Direct messages") });
  items.push(placeItem(DM, avatar("Regulars", { bot: true }), "Regulars", view.inDm,
    Boolean(view.dm) && isNews(view.dm), () => open(app, DM)));
  items.push({ key: "me", print: [view.me, rolesOf(view)], draw: () => selfCard(view) });
  drawList(byId("sidebar"), items);
}

function placeItem(key, sign, name, current, news, onclick) {
  return { key, print: [name, current, news], draw: () => h("button", {
    type: "button", class: news ? "place news" : "place", "aria-current": current ? "true" : null,
    "aria-label": news ? `${name}, new messages` : null, data: { focus: "it" }, onclick },
  sign === "#" ? h("span", { class: "sign", "aria-hidden": "true" }, "#") : sign,
  h("span", {}, name)) };
}

function open(app, channel) {
  toggleSidebar(false);
  app.go({ channel });
}

function toggleSidebar(show) {
  const shown = byId("discord").classList.toggle("show-sidebar", show);
  byId("to-sidebar").setAttribute("aria-expanded", String(shown));
}

function rolesOf(view) {
  const member = view.memberIn(view.guild);
  if (!member) return "not in a server";
  if (view.guild.owner === view.me) return "owner";
  const names = view.guild.roles.filter((role) => member.roles.includes(role.id));
  return names.map((role) => role.name).join(", ") || "no roles yet";
}

const selfCard = (view) => h("div", { class: "sidebar-foot" }, avatar(view.person.display_name),
  h("div", {}, h("b", {}, view.person.display_name), h("small", {}, rolesOf(view))));

/* ---- the chat ------------------------------------------------------------------------------ */

function drawHead(view) {
  const name = byId("channel-name");
  const shown = view.inDm ? "Regulars" : view.channel?.name ?? "nowhere";
  name.dataset.sign = view.inDm ? "@" : "#";
  if (name.textContent !== shown) name.textContent = shown;
  const topic = view.inDm ? "Your direct messages with the bot" : view.channel?.topic ?? "";
  if (byId("channel-topic").textContent !== topic) byId("channel-topic").textContent = topic;
  const pins = view.channel?.pins.length ?? 0;
  byId("open-pins").textContent = pins ? `📌 ${pins}` : "📌";
  byId("open-pins").setAttribute("aria-label", `Pinned messages: ${pins}`);
}

function welcome(view) {
  if (view.inDm) {
    return h("div", { class: "welcome" }, avatar("Regulars", { bot: true, size: 56 }),
      h("b", {}, "Regulars"), h("p", {}, "Messages that the bot sends only to you appear here."));
  }
  return h("div", { class: "welcome" }, h("span", { class: "sign", "aria-hidden": "true" }, "#"),
    h("b", {}, `Welcome to #${view.channel.name}`),
    h("p", {}, `${sentence(view.channel.topic)} This is the start of the channel.`));
}

const sentence = (text) => (text && !/[.!?]$/.test(text) ? `${text}.` : text ?? "");

function nowhere(view, app) {
  const guild = view.discord.guilds[0];
  const name = view.person.display_name;
  return h("div", { class: "welcome" }, h("b", {}, `${name} is not in a Discord server`),
    h("p", {}, `${name} only watches on Kick. Try what that means for the bot, or join the server.`),
    guild && h("p", {}, h("button", { type: "button", class: "main-button",
      onclick: () => app.act("discord/member", { person: view.me, guild: guild.id, join: true }) },
    `Join ${guild.name}`)));
}

function drawMembers(view) {
  const members = view.guild?.members ?? [];
  const groups = new Map();
  const hoisted = (view.guild?.roles ?? []).filter((role) => role.hoist)
    .sort((a, b) => b.position - a.position);
  for (const member of members) {
    const role = hoisted.find((one) => member.roles.includes(one.id));
    const title = member.handle === view.guild.owner ? "Owner"
      : member.handle === "bot" ? "Bot" : role?.name ?? "Members";
    groups.set(title, [...groups.get(title) ?? [], member]);
  }
  const order = ["Owner", ...hoisted.map((role) => role.name), "Members", "Bot"];
  const items = order.filter((title) => groups.has(title)).flatMap((title) => [
    { key: `title ${title}`, print: groups.get(title).length,
      draw: () => h("h3", {}, `${title} — ${groups.get(title).length}`) },
    ...groups.get(title).map((member) => memberItem(member, view)),
  ]);
  drawList(byId("members"), items);
}

function memberItem(member, view) {
  const bot = member.handle === "bot";
  const away = bot && !view.discord.bot?.connected;
  const note = bot ? (away ? "offline" : "online") : member.dms_open ? "" : "DMs closed";
  return { key: member.user.id, print: [member.display_name, note], draw: () => h("div",
    { class: away ? "member away" : "member" }, avatar(member.display_name, { bot }),
    h("div", {}, h("b", {}, member.display_name), note && h("small", {}, note))) };
}

/* ---- pins and the way to the end ----------------------------------------------------------- */

function drawPins(view, app) {
  const dialog = byId("pins");
  const wanted = view.channel?.pins ?? [];
  const pinned = wanted.map((id) => view.channel.messages.find((one) => one.id === id)).filter(Boolean);
  const print = JSON.stringify([view.channel?.id, pinned, view.namesPrint]);
  if (dialog.print === print) return;
  dialog.print = print;
  const use = () => Promise.resolve(app.say("Open the channel to use this."));
  const ctx = { view, names: view.names(), compact: false, use,
    choices: (one) => choicesOf(one, view.guild) };
  dialog.replaceChildren(
    h("div", { class: "sheet-head" }, h("h2", { id: "pins-title" }, "Pinned messages"),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close",
        onclick: () => dialog.close() }, "×")),
    h("div", { class: "sheet-body" }, pinned.length
      ? h("div", { class: "pin-list" }, pinned.map((one) => messageElement(one, ctx)))
      : h("p", {}, "This channel has no pinned messages yet.")));
}

/** Shows a button while there are newer lines below the visible ones. */
export function wireEnd(list, button) {
  const update = () => {
    button.hidden = list.scrollHeight - list.scrollTop - list.clientHeight < 160;
  };
  list.addEventListener("scroll", update, { passive: true });
  button.addEventListener("click", () => { list.scrollTop = list.scrollHeight; list.focus(); });
}
