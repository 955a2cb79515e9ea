// What is wider than its place scrolls in itself: it can be reached with Tab by whoever has no mouse, and its edge fades
// where more lies beyond. (The theme does the first for code and outputs, but measures before the fonts are there.)
const WIDE = "figure.medsyn div, .bd-article table, .pst-scrollable-table-container, div.math, mjx-container, .highlight pre";
function fade(box) {
  box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
}
function reachable() {
  for (const box of document.querySelectorAll(WIDE)) {
    if (getComputedStyle(box).overflowX !== "auto") continue;
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    fade(box);
  }
}
addEventListener("scroll", event => event.target.matches?.(WIDE) && fade(event.target), true);
addEventListener("resize", reachable);
addEventListener("load", () => {
  dispatchEvent(new Event("resize"));
  window.MathJax?.startup?.promise.then(reachable); // formulas have their widths only now
});
