"use strict";
for (const root of document.querySelectorAll("[data-slider]")) {
  const cases = JSON.parse(root.querySelector("script").textContent);
  const input = root.querySelector("input");
  const show = () => {
    const found = cases[Number(input.value)];
    for (const picture of root.querySelectorAll("[data-picture]")) {
      const name = picture.dataset.picture;
      picture.src = found[name];
      picture.alt = `${name[0].toUpperCase()}${name.slice(1)}. ${found.words}`;
    }
    input.setAttribute("aria-valuetext", found.words);
    root.querySelector("[data-words]").textContent = found.words;
  };
  input.addEventListener("input", show);
  root.hidden = false;
  show();
}
