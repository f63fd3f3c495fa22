// The page's own script. Everything works without it: it only copies text and keeps relative times fresh.
(() => {
  "use strict";
  const say = (text) => {
    const region = document.getElementById("announce");
    if (region) region.textContent = text;
  };

  // <button data-copy="text">: copies, says so once, and shows it on the button for two seconds.
  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.dataset.copied = "";
      say("Copied");
      setTimeout(() => {
        delete button.dataset.copied;
        say("");
      }, 2000);
    } catch {
      say("The browser did not allow copying");
    }
  });
  // A button that can only work with a script (and a clipboard) is hidden until both are there.
  if (navigator.clipboard) document.documentElement.dataset.scripted = "";

  // <time data-ago datetime>: "2 min ago", "in 3 days"; the same wording the server used when it wrote the page.
  const steps = [
    [86400, "day"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const words = (seconds) => {
    const size = Math.abs(seconds);
    const [unit, name] = steps.find(([limit]) => size >= limit) || [1, "s"];
    const count = Math.floor(size / unit);
    const text = `${count} ${name === "day" && count !== 1 ? "days" : name}`;
    return seconds < 0 ? `in ${text}` : `${text} ago`;
  };
  const refresh = () => {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const at = Date.parse(time.dateTime);
      if (Number.isNaN(at)) continue;
      const text = words((Date.now() - at) / 1000);
      if (time.textContent !== text) time.textContent = text;
    }
  };
  setInterval(() => document.hidden || refresh(), 20000);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
})();
