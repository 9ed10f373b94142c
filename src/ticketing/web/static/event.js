// What is left of an event, on the page that is open: the server tells when it changes. Without this the page says what was left when it came.

const form = document.querySelector("[data-live]");
const words = form.dataset;
const spoken = document.getElementById("spoken");
const WAIT = 60_000;
const AT_FIRST = 1_000; // the page itself comes first

const leftOf = (count) => (count === 1 ? words.leftOne : words.leftMany).replace("{num}", count);

const show = ({ status, types }) => {
  const lines = [...form.querySelectorAll("[data-type]")];
  if (status !== words.status || lines.length !== Object.keys(types).length || lines.some((line) => !types[line.dataset.type])) {
    document.querySelector("[data-changed]").hidden = false;
    return;
  }
  const news = [];
  for (const line of lines) {
    const now = types[line.dataset.type];
    const left = line.querySelector("[data-left]");
    const input = line.querySelector("input");
    const state = line.querySelector("[data-state]");
    const was = Number(input.max) > 0;
    const text = now.left === null ? "" : leftOf(now.left);
    if (left.textContent.trim() !== text) {
      left.textContent = text;
      left.hidden = !text;
      if (text) news.push(`${line.querySelector(".kind").textContent}: ${text}`);
    }
    input.max = now.most;
    if (Number(input.value) > now.most) input.value = now.most;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    if (was !== now.most > 0) {
      line.querySelector("[data-choose]").hidden = !now.most;
      state.hidden = now.most > 0;
      if (!now.most && words[now.status]) {
        const pill = document.createElement("span");
        pill.className = `pill ${now.status}`;
        pill.textContent = words[now.status];
        state.replaceChildren(pill);
        news.push(`${line.querySelector(".kind").textContent}: ${words[now.status]}`);
      }
    }
  }
  const open = Object.values(types).some((each) => each.most > 0);
  document.querySelectorAll("[data-open]").forEach((each) => { each.hidden = !open; });
  document.querySelectorAll("[data-closed]").forEach((each) => { each.hidden = open; });
  if (news.length) spoken.textContent = news.join(". ");
};

let source;
let again = 0;
const close = () => {
  clearTimeout(again);
  source?.close();
};
const open = () => {
  close();
  source = new EventSource(words.live);
  source.addEventListener("message", (event) => show(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) again = setTimeout(open, WAIT);
  });
};

// Only while somebody looks: a tab in the background takes no place.
const follow = () => {
  close();
  if (!document.hidden) again = setTimeout(open, AT_FIRST);
};
document.addEventListener("visibilitychange", follow);
addEventListener("pagehide", close);
addEventListener("pageshow", follow);
