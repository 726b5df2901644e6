// A plain script, not a module: it runs before the first paint, so that the page never flashes in the other theme.
// On the document it listens to the event "toggletheme", and sends "themechange" when another theme holds.
"use strict";

(() => {
  const KEY = "ac-telemetry-theme";
  const root = document.documentElement;
  const prefersLight = matchMedia("(prefers-color-scheme: light)");
  let chosen = null;
  try {
    chosen = localStorage.getItem(KEY); // refused where the browser blocks storage; then the choice lasts a visit
  } catch {}

  const apply = () => {
    const theme = chosen === "light" || chosen === "dark" ? chosen : prefersLight.matches ? "light" : "dark";
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    document.dispatchEvent(new Event("themechange"));
  };

  apply();
  prefersLight.addEventListener("change", apply);
  document.addEventListener("toggletheme", () => {
    chosen = root.dataset.theme === "light" ? "dark" : "light";
    try {
      localStorage.setItem(KEY, chosen);
    } catch {}
    apply();
  });
})();
