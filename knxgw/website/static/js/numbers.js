// Checks what is typed as a number, in the words of the page: that it is one, its bounds, whole numbers.
// The fields are texts: a browser drops a decimal comma from type="number" where its own language has a point.

const CALM_MS = 400; // after the last change
const LANGUAGE = document.documentElement.lang;

function number(text) { // also 0xFF; NaN: a word may stand there
  return Number(text.trim().replace(",", "."));
}

function shown(bound) {
  return Number(bound).toLocaleString(LANGUAGE, { useGrouping: false, maximumFractionDigits: 6 });
}

function wrong(field) { // "": nothing
  const { step, min, max } = field.dataset, words = field.form.dataset, value = number(field.value);
  if (field.value.trim() === "") return "";
  if (field.validity.patternMismatch) return words.noNumber;
  if (step === "1" && !Number.isNaN(value) && !Number.isInteger(value)) return words.noWhole;
  if (value < Number(min ?? -Infinity) || value > Number(max ?? Infinity))
    return words.extent.replace("{low}", shown(min)).replace("{high}", shown(max));
  return "";
}

function check(field) {
  field.setCustomValidity(wrong(field));
}

function say(field) { // beside the field, unless the device has found it wrong already
  const place = document.getElementById(`said:${field.id}`), text = field.validationMessage;
  const own = place.querySelector("[data-by-browser]");
  if (!own && place.querySelector("[data-tone=bad]")) return;
  if (text) {
    const made = own ?? document.createElement("span");
    Object.assign(made, { className: "said", textContent: text });
    Object.assign(made.dataset, { tone: "bad", byBrowser: "" });
    if (!own) place.prepend(made);
    field.setAttribute("aria-invalid", "true");
  } else if (own) {
    own.remove();
    field.removeAttribute("aria-invalid");
  }
}

for (const field of document.querySelectorAll("input[data-step]")) {
  let timer = 0;
  check(field);
  field.addEventListener("input", () => {
    check(field);
    if (field.form.dataset.check) return; // the device says it, with all it finds
    clearTimeout(timer); // not as the field is left: the button that is pressed then would move away
    timer = setTimeout(say, CALM_MS, field);
  });
}
