// Slash commands: the list that opens on "/", the form for options, and what is typed in one go.
import { h } from "./dom.js";
import { permissionNames } from "./model.js";

const INTEGER = 4, BOOLEAN = 5, USER = 6, CHANNEL = 7, ROLE = 8, MENTIONABLE = 9;
const NUMBER = 10;
const SHOWN = 25;
const TYPING_PAUSE_MS = 250;

/** Commands whose name or description holds what is typed; names that begin with it come first. */
export function matching(commands, typed) {
  const wanted = typed.replace(/^\//, "").toLowerCase().trimEnd();
  const rank = (one) => {
    if (one.path.startsWith(wanted) || wanted.startsWith(`${one.path} `)) return 0;
    return one.path.includes(wanted) ? 1 : 2;
  };
  return commands.filter((one) => rank(one) < 2).sort((a, b) => rank(a) - rank(b));
}

/**
 * "/leaderboard 5" or "/slotcalls status" as `{command, options}`, or null. Words after the name
 * fill the options in order, `name:value` by name; the last one takes the rest.
 */
export function parseTyped(commands, text) {
  const typed = text.replace(/^\//, "").trim();
  const command = commands
    .filter((one) => typed === one.path || typed.startsWith(`${one.path} `))
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (!command) return null;
  const words = typed.slice(command.path.length).trim().split(/\s+/).filter(Boolean);
  const options = {};
  const free = command.options.map((option) => option.name);
  while (words.length && free.length) {
    const [, name, value] = /^([-_\p{L}\p{N}]+):(.+)$/u.exec(words[0]) ?? [];
    if (free.includes(name)) {
      words.shift();
      options[name] = value;
      free.splice(free.indexOf(name), 1);
    } else if (free.length === 1) options[free.shift()] = words.splice(0).join(" ");
    else options[free.shift()] = words.shift();
  }
  return { command, options };
}

export const lacks = (command, options) => command.options
  .some((option) => option.required && !(option.name in options));

/* ---- the list ------------------------------------------------------------------------------ */

/** A listbox above the message box. `onPick(command)` for the chosen one. */
export function commandMenu({ input, onPick }) {
  const element = h("div", { class: "menu", id: "slash-menu", role: "listbox",
    "aria-label": "Slash commands", hidden: true });
  let shown = [];
  let at = 0;

  function mark(index) {
    at = (index + shown.length) % shown.length;
    [...element.querySelectorAll("[role=option]")].forEach((node, place) => {
      node.setAttribute("aria-selected", String(place === at));
      if (place !== at) return;
      node.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", node.id);
    });
  }

  return {
    element,
    get open() { return !element.hidden; },
    show(view, typed) {
      const { allowed, refused } = view.commands;
      shown = matching(allowed, typed).slice(0, SHOWN);
      const kept = matching(refused, typed);
      element.replaceChildren(
        ...shown.map((one, index) => item(one, index, onPick)), ...notes(view, shown, kept));
      element.hidden = false;
      if (shown.length) mark(0); else input.removeAttribute("aria-activedescendant");
    },
    hide() {
      element.hidden = true;
      shown = [];
      input.removeAttribute("aria-activedescendant");
    },
    /** Whether the key was for the list. */
    key(event) {
      if (element.hidden) return false;
      if (event.key === "Escape") { this.hide(); return true; }
      if (!shown.length) return false;
      if (event.key === "ArrowDown") mark(at + 1);
      else if (event.key === "ArrowUp") mark(at - 1);
      else if (event.key === "Tab" && !event.shiftKey) onPick(shown[at]);
      else if (event.key === "Enter" && !event.shiftKey) onPick(shown[at], input.value);
      else return false;
      event.preventDefault();
      return true;
    },
  };
}

function item(command, index, onPick) {
  return h("div", { role: "option", id: `slash-${index}`, "aria-selected": "false",
    onmousedown: (event) => { event.preventDefault(); onPick(command); } },
  h("b", {}, `/${command.path}`, command.options.map(
    (option) => h("i", {}, ` ${option.name}${option.required ? "" : "?"}`))),
  h("span", {}, command.description));
}

function notes(view, shown, refused) {
  const lines = [];
  if (!shown.length && !refused.length) {
    lines.push(view.discord.bot?.connected
      ? "No command with that name. Commands with ! work too."
      : "The bot is not connected, so there are no commands yet. "
        + "Start Regulars and they appear here.");
  }
  if (refused.length) lines.push(refusal(view, refused));
  return lines.map((line) => h("p", {}, line));
}

function refusal(view, refused) {
  const many = refused.length === 1 ? `/${refused[0].path} needs` : `${refused.length} more commands need`;
  const needed = permissionNames(refused[0].default_member_permissions);
  return `🔒 ${many} ${needed}, which ${view.person.display_name} does not have. `
    + `Switch to ${ownerName(view)} above to try ${refused.length === 1 ? "it" : "them"}.`;
}

export function ownerName(view) {
  return view.state.people.find((one) => one.handle === view.guild?.owner)?.display_name ?? "the owner";
}

/* ---- the form ------------------------------------------------------------------------------ */

/** A small form for a command's options. `run(options)`, `cancel()`, `suggest(options, name)`. */
export function commandForm(command, { view, filled = {}, run, cancel, suggest }) {
  const form = h("form", { class: "slash", "aria-label": `/${command.path}`,
    onsubmit: (event) => { event.preventDefault(); run(valuesOf(form, command)); },
    onkeydown: (event) => { if (event.key === "Escape") { event.stopPropagation(); cancel(); } } },
  h("div", { class: "slash-head" }, h("b", {}, `/${command.path}`), h("span", {}, command.description)),
  h("div", { class: "slash-fields" },
    command.options.map((option) => field(option, { view, filled,
      suggest: (name) => suggest(valuesOf(form, command), name) }))),
  h("div", { class: "slash-foot" },
    h("button", { type: "button", class: "plain-button", onclick: cancel }, "Cancel"),
    h("button", { type: "submit", class: "main-button" }, "Run")));
  return form;
}

function field(option, tools) {
  const id = `option-${option.name}`;
  return h("div", { class: "field" },
    h("label", { for: id }, option.name,
      option.required ? h("span", { class: "must" }, " *") : h("small", {}, " optional")),
    control(option, id, tools),
    option.description && h("small", {}, option.description));
}

function control(option, id, { view, filled, suggest }) {
  const props = { id, name: option.name, required: option.required };
  const offered = offeredBy(option, view);
  if (offered) return choice(props, option, offered, filled[option.name]);
  const isNumber = option.type === INTEGER || option.type === NUMBER;
  const input = h("input", { ...props, type: isNumber ? "number" : "text", autocomplete: "off",
    step: option.type === NUMBER ? "any" : null, min: option.min_value, max: option.max_value,
    minlength: option.min_length, maxlength: option.max_length, value: filled[option.name] ?? "" });
  return option.autocomplete ? withSuggestions(input, option, suggest) : input;
}

function choice(props, option, offered, chosen) {
  return h("select", props, !option.required && h("option", { value: "" }, "—"),
    offered.map(([value, label]) => h("option", { value,
      selected: [String(value), label, label.replace(/^[@#]/, "")].includes(String(chosen)) }, label)));
}

// The fixed list an option offers, as [value, label], or null for free text.
function offeredBy(option, view) {
  if (option.choices?.length) return option.choices.map((one) => [one.value, one.name]);
  const guild = view.guild;
  const users = () => (guild?.members ?? []).map((one) => [one.user.id, `@${one.display_name}`]);
  const roles = () => (guild?.roles ?? []).map((one) => [one.id, `@${one.name.replace(/^@/, "")}`]);
  const channels = () => view.channelsOf(guild).map((one) => [one.id, `#${one.name}`]);
  return { [BOOLEAN]: () => [["true", "True"], ["false", "False"]], [USER]: users, [ROLE]: roles,
    [CHANNEL]: channels, [MENTIONABLE]: () => [...users(), ...roles()] }[option.type]?.() ?? null;
}

function withSuggestions(input, option, suggest) {
  const list = h("datalist", { id: `${input.id}-list` });
  let pause;
  input.setAttribute("list", list.id);
  const refresh = async () => {
    const choices = await suggest(option.name);
    list.replaceChildren(...choices.map((one) => h("option", { value: one.value }, one.name)));
  };
  input.addEventListener("focus", refresh);
  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(refresh, TYPING_PAUSE_MS);
  });
  return h("span", {}, input, list);
}

// Empty options are left out; the sandbox turns texts into the types that the command declared.
function valuesOf(form, command) {
  const given = command.options.map(({ name }) => [name, form.elements[name].value]);
  return Object.fromEntries(given.filter(([, text]) => text !== ""));
}

/** What was typed for an option: names such as "@MadCats" or "#raffle" become what is offered. */
export function valueOf(option, text, view) {
  const plain = (label) => label.replace(/^[@#]/, "").toLowerCase();
  const offered = offeredBy(option, view)?.find(([, label]) => plain(label) === plain(text));
  return offered ? offered[0] : text;
}
