// Sends the time of the browser's clock, as it is when the button is pressed.

const form = document.getElementById("browser-clock");
form.hidden = false;
form.addEventListener("submit", () => {
  form.elements.browser_ms.value = String(Date.now());
});
