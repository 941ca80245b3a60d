// Asks before a form that cannot be taken back is sent; without script the server asks with a page.

for (const form of document.querySelectorAll("form[data-confirm]")) {
  form.addEventListener("submit", (event) => {
    if (form.elements.confirmed?.value) return;
    event.preventDefault();
    const dialog = document.getElementById("confirm");
    dialog.querySelector(".question").textContent = form.dataset.confirm;
    const yes = dialog.querySelector(".yes");
    yes.textContent = form.dataset.yes;
    yes.onclick = () => {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name: "confirmed", value: "1" });
      form.append(input);
      dialog.close();
      form.requestSubmit();
    };
    dialog.showModal();
  });
}

for (const button of document.querySelectorAll("dialog .no")) button.addEventListener("click", () => button.closest("dialog").close());
