// Copies a text that is shown. Over http a browser offers a page no clipboard, so there the text is selected first.

for (const button of document.querySelectorAll("button[data-copies]")) {
  const text = document.getElementById(button.dataset.copies);
  const told = document.getElementById(button.dataset.told);
  const copied = async () => {
    try {
      if (!navigator.clipboard) throw new Error("http");
      await navigator.clipboard.writeText(text.value);
      return true;
    } catch { // no clipboard, or the browser does not allow it
      text.select();
      return document.execCommand("copy");
    }
  };
  button.hidden = false;
  button.addEventListener("click", async () => { told.textContent = (await copied()) ? button.dataset.done : button.dataset.failed; });
}
