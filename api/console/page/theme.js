// The theme is known before anything is painted. Without a choice, it is the system's.
"use strict";
try {
  const chosen = localStorage.getItem("failoverd.theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch { /* A browser that keeps nothing shows the system's theme. */ }
