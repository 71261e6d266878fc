// The drawer "Simulate problems": a switch for every fault of the sandbox, and the gateway.
import { byId, h } from "./dom.js";

const GROUPS = [
  ["kick.webhook", "Kick: webhooks"], ["kick.body", "Kick: webhook contents"],
  ["kick.chat", "Kick: chat"], ["kick.feed", "Kick: realtime feed"],
  ["kick", "Kick: API, tokens, site"],
  ["twitch.event", "Twitch: events"], ["twitch.webhook", "Twitch: webhooks"],
  ["twitch.socket", "Twitch: WebSocket"], ["twitch", "Twitch: API, tokens, chat"],
  ["discord.gateway", "Discord: gateway"], ["discord.rest", "Discord: REST"],
  ["discord", "Discord: other"], ["shuffle", "Shuffle"], ["drand", "drand (random numbers)"],
];
const GATEWAY = [
  ["kill", "Kill", "Drop the bot's connection without a close message."],
  ["reconnect", "Ask to reconnect", "Discord asks the bot to reconnect and resume."],
  ["invalidate", "Invalidate", "End the bot's session; it must log in again."],
  ["stop", "Stop", "Refuse all connections until you press Start."],
  ["start", "Start", "Accept connections again."],
];

const DONE = { kill: "Connection dropped. The bot should reconnect in a moment.",
  reconnect: "The bot was asked to reconnect.", invalidate: "The bot's session was ended.",
  stop: "The gateway is down until you press Start.", start: "The gateway is up again." };

export const isOn = (fault) => fault.value !== fault.default;

/** `app` as in discord.js. Returns `render(view)`. */
export function faultsDrawer(app) {
  const dialog = byId("faults");
  const search = h("input", { type: "search", class: "fault-search", placeholder: "Search, e.g. 429",
    "aria-label": "Search the problems", oninput: () => filter() });
  const list = h("div", {});
  const link = h("p", { class: "link", role: "status" });
  const people = h("div", {});
  let view = null;

  dialog.append(
    h("div", { class: "drawer-head" },
      h("h2", { id: "faults-title" }, "Simulate problems"),
      h("button", { type: "button", class: "plain-button",
        onclick: () => app.act("faults/reset") }, "Reset all"),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close",
        onclick: () => dialog.close() }, "×")),
    h("div", { class: "drawer-body" },
      h("p", {}, "Discord and Kick sometimes fail like this. Turn a problem on and watch the bot: "
        + "nothing should be lost or counted twice."),
      h("h3", {}, "The bot's connection to Discord"), link, gatewayButtons(app), people,
      search, list));
  byId("open-faults").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  function render(next) {
    view = next;
    const faults = view.state.faults;
    const on = Object.values(faults).filter(isOn).length;
    byId("faults-on").hidden = on === 0;
    byId("faults-on").textContent = String(on);
    byId("faults-on").setAttribute("aria-label", `${on} switched on`);
    const connected = Boolean(view.discord.bot?.connected);
    link.textContent = connected ? "● The bot is connected." : "○ The bot is not connected right now.";
    link.classList.toggle("good", connected);
    if (!list.childElementCount) { list.append(...groups(faults, app)); }
    for (const [name, fault] of Object.entries(faults)) update(list, name, fault);
    drawPeople(people, view, app);
  }

  function filter() {
    const wanted = search.value.trim().toLowerCase();
    for (const group of list.children) {
      const rows = [...group.querySelectorAll(".fault")];
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      group.hidden = rows.every((row) => row.hidden);
      if (wanted) group.open = true;
    }
  }
  return { render };
}

function gatewayButtons(app) {
  return h("div", {}, GATEWAY.map(([action, label, help]) => h("div", { class: "fault" },
    h("span", { id: `gateway-${action}` }, help),
    h("button", { type: "button", class: "plain-button", "aria-describedby": `gateway-${action}`,
      data: { gateway: action }, onclick: () => app.act("discord/gateway", { action }, DONE[action]) },
    label))));
}

const ACCESS = { full: "can read and write", read: "can only read", none: "has no access" };

// Closed DMs and channels without permissions are the most common surprises on the real Discord.
function drawPeople(box, view, app) {
  const member = view.memberIn(view.guild);
  const channel = view.inDm ? null : view.channel;
  const print = JSON.stringify([view.me, member?.dms_open, channel?.id, channel?.name,
    channel?.bot_access]);
  if (box.print === print) return;
  box.print = print;
  const id = "dms-open";
  const access = channel && h("div", { class: "fault" },
    h("label", { for: "bot-access" }, `The bot in #${channel.name}`),
    h("select", { id: "bot-access", onchange: (event) => app.act("discord/bot_access",
      { channel: channel.id, guild: view.guild.id, access: event.target.value }) },
    Object.entries(ACCESS).map(([value, words]) =>
      h("option", { value, selected: value === channel.bot_access }, words))));
  box.replaceChildren(...(access ? [access] : []), ...(member ? [h("div", { class: "fault" },
    h("label", { for: id }, `${view.person.display_name} accepts direct messages`),
    h("input", { id, type: "checkbox", class: "switch good", checked: member.dms_open,
      onchange: (event) => app.act("discord/member",
        { person: view.me, guild: view.guild.id, dms_open: event.target.checked }) }))] : []));
}

/* ---- the list ------------------------------------------------------------------------------ */

function groups(faults, app) {
  const left = new Map(Object.entries(faults));
  return GROUPS.map(([prefix, title]) => {
    const mine = [...left].filter(([name]) => name.startsWith(`${prefix}.`));
    for (const [name] of mine) left.delete(name);
    return [title, mine];
  }).concat([["Other", [...left]]]).filter(([, mine]) => mine.length)
    .map(([title, mine], index) => h("details", { class: "fault-group", open: index === 0 },
      h("summary", {}, title, h("small", {}, ` ${mine.length}`)),
      mine.map(([name, fault]) => row(name, fault, app))));
}

function row(name, fault, app) {
  const id = `fault-${name}`;
  const change = (event) => {
    const value = read(event.target, fault);
    if (value !== null) app.act("faults", { [name]: value });
  };
  const kinds = { bool: { type: "checkbox", class: "switch" }, int: { type: "number", step: 1 },
    float: { type: "number", step: "any" }, str: { type: "text", placeholder: "(empty)" } };
  return h("div", { class: "fault", data: { name } },
    h("label", { for: id }, fault.help, h("br"), h("code", {}, name)),
    h("input", { ...kinds[fault.kind], id, onchange: change, value: fault.value }));
}

function read(input, fault) {
  if (fault.kind === "bool") return input.checked;
  if (fault.kind === "str") return input.value;
  const number = Number(input.value);
  return input.value === "" || !Number.isFinite(number) ? null : number;
}

// A focused field is not overwritten while somebody types.
function update(list, name, fault) {
  const node = list.querySelector(`[data-name="${CSS.escape(name)}"]`);
  if (!node) return;
  const input = node.querySelector("input");
  node.classList.toggle("on", isOn(fault));
  if (input === document.activeElement && fault.kind !== "bool") return;
  if (fault.kind === "bool") input.checked = fault.value;
  else if (input.value !== String(fault.value)) input.value = String(fault.value);
}
