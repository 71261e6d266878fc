// What the dashboard's pages do beyond forms and links. Everything works without it.
(() => {
  "use strict";

  const light = matchMedia("(prefers-color-scheme: light)");
  const theme = () => { document.documentElement.dataset.bsTheme = light.matches ? "light" : "dark"; };
  theme();
  light.addEventListener("change", theme);

  // Times become relative, and say the exact one on hover.
  const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const tellTime = (root) => {
    for (const element of root.querySelectorAll("time[datetime]")) {
      const at = new Date(element.dateTime), seconds = (at - Date.now()) / 1000;
      const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) || ["second", 1];
      element.title = at.toLocaleString(document.documentElement.lang);
      element.textContent = relative.format(Math.round(seconds / size), unit);
    }
  };

  // Each chart reads its numbers from the table below it.
  let library;
  const draw = (root) => {
    for (const table of root.querySelectorAll("table[data-chart-numbers]")) {
      const canvas = table.closest("figure").querySelector("canvas"); // no id: htmx would copy its style
      if (canvas && !library) {
        library = document.createElement("script");
        library.src = canvas.dataset.library;
        library.addEventListener("load", () => draw(document));
        document.head.append(library);
      }
      if (!canvas || !window.Chart || canvas.dataset.drawn) continue;
      canvas.dataset.drawn = "1";
      const rows = [...table.querySelectorAll("tr")].map((row) => [...row.children].map((cell) => cell.textContent));
      const style = getComputedStyle(document.documentElement);
      const colour = style.getPropertyValue("--accent").trim(), grid = style.getPropertyValue("--line").trim();
      const axis = { grid: { color: grid }, ticks: { color: style.getPropertyValue("--dim").trim() } };
      new Chart(canvas, {
        type: canvas.dataset.chart,
        data: {
          labels: rows.map(([label]) => label),
          datasets: [{ data: rows.map(([, number]) => Number(number)), borderColor: colour, backgroundColor: colour + "55", fill: true, tension: 0.3, pointRadius: rows.length > 1 ? 0 : 4 }],
        },
        options: { maintainAspectRatio: false, animation: false, plugins: { legend: { display: false } }, scales: { x: axis, y: { ...axis, beginAtZero: true } } },
      });
    }
  };

  const prepare = (root) => { tellTime(root); draw(root); };

  // Whether somebody is answering a question or typing in this part of the page.
  const isInUse = (part) => {
    const field = part.contains(document.activeElement) ? document.activeElement : {};
    return part.querySelector("details.confirm[open]") || (field.defaultValue ?? field.value) !== field.value;
  };

  // The parts that show what has changed load themselves again. Nothing is followed while nobody
  // looks at the page.
  const listen = ({ hub, live }) => {
    const note = document.getElementById("reconnecting");
    let timer;
    const change = (name) => document.body.dispatchEvent(new CustomEvent("changed-" + name));
    const topic = window.followTopic(hub, live, ({ event, data }) => {
      if (event === "changed") change(data);
      if (event === "open") { clearTimeout(timer); note.hidden = true; }
      if (event === "lost") { clearTimeout(timer); timer = setTimeout(() => { note.hidden = false; }, 10000); }
    });
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (document.hidden) topic.stop(); else topic.start();
    });
  };

  addEventListener("DOMContentLoaded", () => {
    const shell = document.querySelector("[data-live]");
    if (shell) listen(shell.dataset);
    prepare(document);
    document.body.addEventListener("htmx:after:swap", () => prepare(document));
    // A part in use stays as it is until it is not; then it loads itself.
    const waiting = new Set();
    document.body.addEventListener("htmx:before:swap", (event) => {
      if (!isInUse(event.target)) return;
      event.preventDefault();
      waiting.add(event.target);
    });
    const load = () => setTimeout(() => {
      if (!waiting.size || [...waiting].some(isInUse)) return;
      waiting.clear();
      document.body.dispatchEvent(new CustomEvent("changed-anything"));
    });
    document.body.addEventListener("toggle", load, true);
    document.body.addEventListener("focusout", load);
    setInterval(() => tellTime(document), 30000);
    // Copy what is in a field.
    for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.copy);
      field.select();
      const copied = () => { button.textContent = button.dataset.copied; };
      const copy = () => { if (document.execCommand("copy")) copied(); }; // over http there is no clipboard
      if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(copied, copy); else copy();
    });
    // Show settings in the previews before they are saved.
    const previewed = document.querySelector("[data-previews] form");
    if (previewed) previewed.addEventListener("input", () => {
      const chosen = new URLSearchParams(new FormData(previewed));
      chosen.delete("csrf_token");
      for (const frame of document.querySelectorAll(".overlay-preview iframe")) frame.src = frame.src.split("?")[0] + "?" + chosen;
    });
    // Escape and a click elsewhere close what asks for confirmation.
    addEventListener("keydown", (event) => { if (event.key === "Escape") for (const open of document.querySelectorAll("details.confirm[open]")) open.open = false; });
    addEventListener("click", (event) => { for (const open of document.querySelectorAll("details.confirm[open]")) if (!open.contains(event.target)) open.open = false; });
  });
})();
