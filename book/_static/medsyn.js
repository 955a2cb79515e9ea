// Whoever has no mouse scrolls with the arrow keys: what is wider than its place can be reached with Tab.
// The theme does the same for code and outputs, but measures before the fonts are there; a resize makes it look again.
function reachable() {
  for (const box of document.querySelectorAll("figure.medsyn div, .bd-article table")) {
    if (box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX === "auto") box.tabIndex = 0;
  }
}
addEventListener("resize", reachable);
addEventListener("load", () => dispatchEvent(new Event("resize")));
