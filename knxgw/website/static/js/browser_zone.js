// Proposes the time zone of the browser where the configuration does not say one.

const note = document.getElementById("browser-zone");
const field = document.getElementById(note.dataset.field);
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !field.value) {
  field.value = zone;
  note.textContent = note.textContent.replace("{zone}", zone);
  note.hidden = false;
}
