// An overlay: shows what its stream sends, and keeps showing it while the connection is lost.
(() => {
  "use strict";

  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const left = (seconds) => {
    const found = [];
    for (const [unit, size] of parts) {
      if (seconds >= size || (found.length && found.length < 2)) found.push(Math.floor(seconds / size) + " " + unit);
      seconds %= size;
      if (found.length === 2) break;
    }
    return found.join(" ") || "0 s";
  };
  const tick = () => {
    for (const element of document.querySelectorAll("[data-until]")) {
      const seconds = Math.max(0, (new Date(element.dataset.until) - Date.now()) / 1000);
      element.textContent = left(seconds);
      element.className = seconds > 30 ? "" : seconds > 10 ? "soon" : "last";
    }
  };

  // Only rows that are new appear with a movement.
  const show = (html) => {
    const place = document.getElementById("overlay");
    const before = new Set([...place.querySelectorAll("li")].map((row) => row.textContent));
    place.innerHTML = html;
    for (const row of place.querySelectorAll("li")) if (before.has(row.textContent)) row.style.animation = "none";
    tick();
  };

  const listen = () => {
    const { hub, live } = document.body.dataset;
    window.followTopic(hub, live, ({ event, data }) => {
      if (event === "show") show(data);
      if (event === "style") document.documentElement.className = data;
      if (event === "gone") show("");
    });
  };

  addEventListener("DOMContentLoaded", () => {
    if (document.body.dataset.live) listen();
    tick();
    setInterval(tick, 1000);
  });
})();
