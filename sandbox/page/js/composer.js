// Discord's message box: plain text, and slash commands when it begins with "/".
import { messageBox } from "./box.js";
import { h } from "./dom.js";
import { commandForm, commandMenu, lacks, ownerName, parseTyped, valueOf } from "./slash.js";
import { permissionNames } from "./model.js";

/** `app.interact(path, body, view)` sends and shows what the bot answers. */
export function composer(app) {
  let view = null;
  let place = "";
  let form = null;

  const box = messageBox({
    id: "discord-box",
    send: (text, replyTo) => (text.startsWith("/") ? sendSlash(text) : say(text, replyTo)),
    onInput: (text) => (isCommand(text) ? menu.show(view, text) : menu.hide()),
    onKey: (event) => menu.key(event),
  });
  const menu = commandMenu({ input: box.input, onPick: pick });
  box.input.setAttribute("aria-controls", "slash-menu");
  box.input.setAttribute("aria-haspopup", "listbox");
  box.input.setAttribute("aria-autocomplete", "list");
  box.input.addEventListener("blur", () => menu.hide());
  const element = h("div", {}, menu.element, box.element);

  const isCommand = (text) => text.startsWith("/") && !text.includes("\n");
  const where = () => ({ person: view.me, channel: view.channel.id === "dm" ? "dm" : view.channel.id });

  function say(text, replyTo) {
    return app.act("discord/message", { ...where(), content: text, reply_to: replyTo });
  }

  function sendSlash(text) {
    const parsed = parseTyped(view.commands.allowed, text);
    if (parsed) { pick(parsed.command, text); return true; }
    app.say(whyNot(view, text), "error");
    return false;
  }

  // Enter sends the typed command if no required option is missing.
  function pick(command, text = "") {
    const parsed = text && parseTyped([command], text);
    menu.hide();
    box.input.value = "";
    if (!command.options.length || (parsed && !lacks(command, parsed.options))) {
      run(command, parsed ? named(command, parsed.options) : {});
    } else openForm(command, parsed ? parsed.options : {});
  }

  const named = (command, options) => Object.fromEntries(command.options
    .filter(({ name }) => name in options)
    .map((option) => [option.name, valueOf(option, options[option.name], view)]));

  function run(command, options) {
    closeForm();
    return app.interact("discord/slash", { ...where(), command: command.path, options }, view);
  }

  function openForm(command, filled) {
    closeForm();
    const suggest = (options, focused) => app.suggest(
      { ...where(), command: command.path, options, focused });
    form = commandForm(command, { view, filled, suggest, cancel: closeForm,
      run: (options) => run(command, options) });
    box.element.hidden = true;
    element.append(form);
    form.querySelector("input, select")?.focus();
  }

  function closeForm() {
    if (!form) return;
    form.remove();
    form = null;
    box.element.hidden = false;
    box.input.focus();
  }

  function render(next, typing) {
    view = next;
    const here = `${view.me} ${view.channel?.id}`;
    if (here !== place) { place = here; menu.hide(); closeForm(); box.replyTo(null); }
    box.refuse(view.channel ? "" : `${view.person.display_name} cannot write here`);
    if (view.channel) {
      const name = view.inDm ? "@Regulars" : `#${view.channel.name}`;
      box.setPlaceholder(`Message ${name} as ${view.person.display_name}`);
    }
    hint(typing);
  }

  let hinted = null;
  function hint(typing) {
    if (hinted === typing.join()) return;
    hinted = typing.join();
    if (typing.length) {
      box.setHint(`${typing.join(" and ")} ${typing.length > 1 ? "are" : "is"} typing…`);
      return;
    }
    box.setHint("Type ", h("code", {}, "/"), " for commands; ", h("code", {}, "!watchtime"),
      " works too.");
  }

  return { element, render, input: box.input, replyTo: box.replyTo };
}

/** Why a command cannot be used. */
export function whyNot(view, text) {
  const parsed = parseTyped(view.commands.refused, text);
  const name = text.split(/\s/)[0];
  if (!parsed) return `There is no command ${name} here. Type / to see all commands.`;
  const needed = permissionNames(parsed.command.default_member_permissions);
  return `/${parsed.command.path} needs ${needed}, so Discord does not show it to `
    + `${view.person.display_name}. Switch to ${ownerName(view)} above to try it.`;
}
