/**
 * Says what is wrong when the page's own script never starts: the file was cut off, or the browser is too old. This
 * stands alone at the very beginning of the page, in plain old JavaScript.
 */
document.addEventListener("DOMContentLoaded", function () {
  var root = document.getElementById("distaff");
  if (root && root.hasAttribute("data-started")) return;
  var whole = document.getElementById("distaff-end");
  var box = document.createElement("div");
  box.className = "refused";
  box.setAttribute("role", "alert");
  var title = document.createElement("h1");
  title.textContent = "This page cannot be shown";
  var text = document.createElement("p");
  text.textContent = whole
    ? "Its script did not start. Open it in Chrome 111, Firefox 113, Safari 16.4 or newer; if that does not help, copy or download the file again."
    : "The file is incomplete: it was cut off before its end. Copy or download it again, or export the run again.";
  box.appendChild(title);
  box.appendChild(text);
  if (root) {
    root.removeAttribute("aria-busy");
    root.setAttribute("data-failed", "true");
    root.textContent = "";
    root.appendChild(box);
  } else document.body.appendChild(box);
});
