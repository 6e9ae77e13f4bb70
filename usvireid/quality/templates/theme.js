"use strict";

// Light, dark, or as the device has it. What is chosen is kept where the browser allows a file to keep anything.
(function () {
  const button = document.getElementById("theme");
  const choices = ["automatic", "light", "dark"];
  let chosen = "automatic";
  try {
    chosen = localStorage.getItem("usvireid-theme") || chosen;
  } catch (error) {
    // A browser that keeps nothing for files; the page follows the device then.
  }

  function show() {
    if (chosen === "automatic") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    button.textContent = "Colours: " + chosen;
  }

  button.addEventListener("click", function () {
    chosen = choices[(choices.indexOf(chosen) + 1) % choices.length];
    try {
      localStorage.setItem("usvireid-theme", chosen);
    } catch (error) {
      // As above.
    }
    show();
  });
  button.hidden = false;
  show();
})();
