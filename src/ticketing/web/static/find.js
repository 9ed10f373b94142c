// The start page finds as one types: the same page is fetched for the same address, and its results stand in place of the old ones.
// Without this the form and the links do the same.

const form = document.getElementById("find");
const swapped = ["said", "chips", "results"];
const WAIT = 250;
let fetching = new AbortController();
let timer = 0;
let isTyping = false;
let asked = location.href; // what is shown, or on its way

const address = () => {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value.trim()) query.append(name, value.trim());
  const written = query.toString();
  return form.action + (written ? `?${written}` : "");
};

// What the new page says stands in the form too, where it came by a link or by going back.
const fill = (made) => {
  for (const field of made.querySelectorAll("#find select, #find input:not([type=hidden])")) {
    const own = document.getElementById(field.id);
    if (own.tagName === "SELECT") own.replaceChildren(...field.children);
    own.value = field.value;
  }
  form.querySelectorAll("input[type=hidden]").forEach((each) => each.remove());
  form.append(...made.querySelectorAll("#find input[type=hidden]"));
};

// history: "push" for a step that one can go back from, "replace" while typing, "none" where the browser went by itself.
const show = async (url, history, { filled = true } = {}) => {
  clearTimeout(timer);
  fetching.abort();
  asked = url;
  const own = (fetching = new AbortController());
  const results = document.getElementById("results");
  results.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { signal: own.signal, headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (own !== fetching) return;
    if (history === "push") window.history.pushState(null, "", url);
    if (history === "replace") window.history.replaceState(null, "", url);
    if (filled) fill(made);
    for (const id of swapped) document.getElementById(id).replaceWith(made.getElementById(id));
    document.querySelector("footer.foot").replaceWith(made.querySelector("footer.foot"));
    document.title = made.title;
    document.getElementById("count").textContent = document.getElementById("results").dataset.said;
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
  }
};

form.addEventListener("input", (event) => {
  if (event.target.type !== "search" && event.target.id !== "city") return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    show(address(), isTyping ? "replace" : "push", { filled: false });
    isTyping = true;
  }, WAIT);
});
form.addEventListener("change", (event) => {
  if (event.target.type === "search") return;
  if (event.target.id === "when") form.elements.from.value = form.elements.to.value = "";
  if (event.target.type === "date" && event.target.value) form.elements.when.value = "";
  isTyping = false;
  if (address() === asked) return; // a field that was left says what it said while typing: a link may be pressed at this moment
  show(address(), "push", { filled: false });
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const was = isTyping;
  isTyping = false;
  show(address(), was || address() === location.href ? "replace" : "push", { filled: false });
});
form.addEventListener("focusout", () => { isTyping = false; });

document.addEventListener("click", (event) => {
  const link = event.target.closest("#chips a, #results .pages a");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const isNext = link.rel === "next";
  show(link.href, "push").then(() => {
    if (!isNext) return;
    const heading = document.getElementById("events");
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    document.getElementById("results").scrollIntoView();
  });
});
addEventListener("popstate", () => show(location.href, "none"));
