// The theme: the system's, unless somebody has chosen.

const key = "failoverd.theme";

export const theme = () => document.documentElement.dataset.theme ?? "system";

export function nextTheme() {
  const next = { system: "dark", dark: "light", light: "system" }[theme()];
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try { localStorage.setItem(key, next); } catch { /* It holds until the page is closed. */ }
}
