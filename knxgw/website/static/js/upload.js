// Sends the file of a form in parts where it is larger than a form may be, and the form without it afterwards.
// After a lost connection the device says how much it has, and the upload goes on from there.

import { Sha256 } from "./sha256.js";

const UPLOADS = "/api/v1/uploads", MIB = 1048576;
const WAITS_MS = [500, 1000, 2000, 4000, 8000];
const REQUEST_MS = 60000; // the device takes no longer for one, either
const MOST_BEGINNINGS = 3; // a device that restarts has forgotten what it had

class Refused extends Error {} // says why, in the words of the page

function mib(bytes) {
  return (bytes / MIB).toLocaleString(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

for (const form of document.querySelectorAll("form[data-upload]")) watch(form);

function watch(form) {
  const box = form.querySelector(".upload"), says = form.querySelector(".upload-says");
  const button = form.querySelector("button.sends"), cancel = box.querySelector("button");
  const bar = box.querySelector("progress"), extent = box.querySelector(".extent");
  const input = form.elements[form.dataset.upload], words = box.dataset;
  let upload = null; // the one that is running

  function show(sent, size) {
    bar.value = sent / size;
    extent.textContent = words.extent.replace("{sent}", mib(sent)).replace("{size}", mib(size));
  }

  function say(text) {
    if (says.textContent !== text) says.textContent = text;
  }

  function turn(isRunning) {
    box.hidden = !isRunning;
    button.hidden = input.disabled = isRunning;
    (isRunning ? cancel : button).focus();
  }

  form.addEventListener("submit", async (event) => {
    const file = input.files[0];
    if (upload) event.preventDefault(); // Enter in another field
    if (upload || input.disabled || !file || file.size <= Number(form.dataset.formBytes)) return;
    event.preventDefault();
    if (file.size > Number(form.dataset.mostBytes)) { say(words.tooLarge); return; }
    upload = new Upload(file, form.elements.csrf.value, words, show, say);
    say("");
    show(0, file.size);
    turn(true);
    try {
      hand(await upload.run(), file.name);
    } catch (error) {
      upload.giveUp();
      upload = null;
      turn(false);
      say(error instanceof Refused ? error.message : words.refused);
    }
  });

  cancel.addEventListener("click", () => upload?.cancel());
  addEventListener("pagehide", () => upload?.giveUp());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // its file is gone

  // The form says which upload it means; the file itself stays out of it.
  function hand(id, name) {
    for (const [key, value] of [["upload", id], ["file_name", name]]) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: key, value });
      form.append(field);
    }
    upload = null;
    form.requestSubmit();
  }
}

class Upload {
  #file; #csrf; #words; #show; #say;
  #id = null; #part = 0; #received = 0;
  #sum = null; #summed = 0; // bytes that are in the sum
  #stop = new AbortController();

  constructor(file, csrf, words, show, say) {
    [this.#file, this.#csrf, this.#words, this.#show, this.#say] = [file, csrf, words, show, say];
  }

  cancel() {
    this.#stop.abort();
  }

  giveUp() {
    if (this.#id === null) return;
    fetch(`${UPLOADS}/${this.#id}`, { method: "DELETE", keepalive: true, headers: { "X-CSRF-Token": this.#csrf } }).catch(() => {});
    this.#id = null;
  }

  // Returns the id of the complete upload. Throws Refused.
  async run() {
    for (let beginning = 1; ; beginning++) {
      await this.#begin();
      if (await this.#send() && await this.#finish()) break;
      if (beginning === MOST_BEGINNINGS) throw new Refused(this.#words.refused);
    }
    const id = this.#id;
    this.#id = null; // whoever takes it ends it
    return id;
  }

  async #begin() {
    const state = await this.#ask("POST", "", { size: this.#file.size });
    [this.#id, this.#part, this.#received] = [state.id, state.part, 0];
    [this.#sum, this.#summed] = [new Sha256(), 0];
  }

  // Tells whether all of it is there; else the device has forgotten it.
  async #send() {
    while (this.#received < this.#file.size) {
      const at = this.#received, bytes = await this.#read(at, at + this.#part);
      if (this.#summed === at) { this.#sum.update(bytes); this.#summed += bytes.length; }
      let answer = await this.#fetch("PUT", `/${this.#id}?offset=${at}`, "application/octet-stream", bytes);
      if (isLost(answer)) { // the part came, or it did not
        await this.#pause(0);
        answer = await this.#asked("GET", `/${this.#id}`);
      }
      const state = await this.#said(answer);
      if (state === null) return false;
      this.#received = state.received;
      this.#show(this.#received, this.#file.size);
    }
    return true;
  }

  // Tells whether it is complete; else the device has forgotten it.
  async #finish() {
    return await this.#ask("POST", `/${this.#id}/finish`, { sha256: this.#sum.hex() }) !== null;
  }

  async #read(from, to) {
    try {
      return new Uint8Array(await this.#file.slice(from, to).arrayBuffer());
    } catch {
      throw new Refused(this.#words.unreadable);
    }
  }

  async #ask(method, path, question) {
    return this.#said(await this.#asked(method, path, question));
  }

  // Asks until the device answers, and returns that.
  async #asked(method, path, question) {
    const body = question && JSON.stringify(question);
    for (let tries = 0; ; tries++) {
      const answer = await this.#fetch(method, path, "application/json", body);
      if (!isLost(answer)) return answer;
      await this.#pause(tries);
    }
  }

  // Returns what an answer says, null: the device has forgotten the upload. Throws Refused.
  async #said(answer) {
    this.#say("");
    if (answer.status === 204) return {};
    const said = await answer.json().catch(() => ({}));
    if (answer.ok || said.why === "wrong_offset") return said; // both say how much is there
    if (said.why === "unknown") return null;
    throw new Refused(said.why ? said.detail : this.#words.refused);
  }

  async #pause(tries) {
    this.#say(this.#words.waits);
    await new Promise((go) => {
      setTimeout(go, WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]);
      this.#stop.signal.addEventListener("abort", go, { once: true });
    });
  }

  // Returns the answer, null: there is none. Throws Refused.
  async #fetch(method, path, type, body) {
    if (this.#stop.signal.aborted) throw new Refused(this.#words.cancelled);
    const request = new AbortController(), abort = () => request.abort();
    const timer = setTimeout(abort, REQUEST_MS);
    this.#stop.signal.addEventListener("abort", abort);
    const headers = { "X-CSRF-Token": this.#csrf, ...(body && { "Content-Type": type }) };
    try {
      return await fetch(UPLOADS + path, { method, headers, body, cache: "no-store", signal: request.signal });
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
      this.#stop.signal.removeEventListener("abort", abort);
      if (this.#stop.signal.aborted) throw new Refused(this.#words.cancelled);
    }
  }
}

// No answer of the device, or one of a proxy whose device is away; a refusal says why.
function isLost(answer) {
  return answer === null || (answer.status >= 500 && answer.headers.get("Content-Type") !== "application/problem+json");
}
