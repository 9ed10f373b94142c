// What pages gain where scripts run: steppers, local times, one press of a button, a hold that says when it is nearly over.
// Nothing here is needed: every page works without it.

const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

// A number field with buttons: <div class="stepper"><button hidden data-step="-1">…<input type="number">…
each(".stepper", (stepper) => {
  const input = stepper.querySelector("input");
  const buttons = [...stepper.querySelectorAll("button[data-step]")];
  const limit = (name, otherwise) => (input[name] === "" ? otherwise : Number(input[name]));
  const show = () => {
    for (const button of buttons) {
      button.disabled = Number(button.dataset.step) < 0 ? Number(input.value) <= limit("min", 0) : Number(input.value) >= limit("max", Infinity);
    }
  };
  for (const button of buttons) {
    button.hidden = false;
    button.addEventListener("click", () => {
      input.value = Math.min(limit("max", Infinity), Math.max(limit("min", 0), Number(input.value) + Number(button.dataset.step)));
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.dispatchEvent(new Event("change", { bubbles: true }));
      show();
    });
  }
  input.addEventListener("input", show);
  show();
});

// The visitor's own time beneath the event's, where they differ: <p hidden data-yours="Your time: {time}" data-at="…" data-zone="…">
each("[data-yours]", (place) => {
  const at = new Date(place.dataset.at);
  const write = (timeZone) => new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit", timeZone }).format(at);
  try {
    const yours = write(undefined);
    if (yours === write(place.dataset.zone)) return;
    place.textContent = place.dataset.yours.replace("{time}", yours);
    place.hidden = false;
  } catch {
    // A browser that does not know the zone shows the event's time alone.
  }
});

// A form is sent once. Its button works again when somebody comes back to the page, and where no answer comes: sending twice does no harm.
const ANSWER_AWAITED = 10_000;
const release = (form) => {
  delete form.dataset.sent;
  form.querySelectorAll("button:not([type=button])").forEach((button) => button.removeAttribute("aria-busy"));
};
each("form[method=post]", (form) => {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    form.querySelectorAll("button:not([type=button])").forEach((button) => button.setAttribute("aria-busy", "true"));
    setTimeout(release, ANSWER_AWAITED, form);
  });
});
addEventListener("pageshow", () => each("form[data-sent]", release));

// A hold: <p role="status" data-until="…" data-soon="Two minutes left…" data-over="…"> is spoken twice, never every second.
each("[data-until]", (place) => {
  const until = Date.parse(place.dataset.until);
  const say = (text, moment) => text && moment > Date.now() && setTimeout(() => { place.textContent = text; }, moment - Date.now());
  say(place.dataset.soon, until - 120_000);
  say(place.dataset.over, until);
});

// A field that takes its neighbours with it: <input type="checkbox" data-hides="id"> hides that part while it is checked.
each("[data-hides]", (box) => {
  const part = document.getElementById(box.dataset.hides);
  const show = () => { part.hidden = box.checked; };
  box.addEventListener("change", show);
  show();
});
