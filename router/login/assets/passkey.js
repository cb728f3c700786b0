/* The ceremonies of this page: asks the server, the authenticator, the server. Texts only, no markup. */
"use strict";

const said = document.querySelector("#said");
const buttons = document.querySelectorAll("button[data-passkey]");

/** A sentence for the person; what went wrong is said as an alert. */
function say(text, wrong = false) {
  said.className = wrong ? "note" : "quiet";
  said.setAttribute("role", wrong ? "alert" : "status");
  said.textContent = text;
}

const decode = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

/** What the server has refused, in its words. */
class Refused extends Error {}

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
    credentials: "same-origin",
    redirect: "error",
  });
  const value = await answer.json();
  if (!answer.ok) throw new Refused(value.message);
  return value;
}

/** What an app asked for when it opened this page. */
function wish() {
  const query = new URLSearchParams(location.search);
  return query.has("redirect_uri") ? { app: Object.fromEntries(query) } : {};
}

async function signIn(name) {
  const options = await post("/login/passkey/login", { ...wish(), ...(name ? { name } : {}) });
  const found = await navigator.credentials.get({
    publicKey: { ...options, challenge: decode(options.challenge), allowCredentials: [] },
  });
  return post("/login/passkey/login/finish", {
    credential: encode(found.rawId),
    clientData: encode(found.response.clientDataJSON),
    authenticatorData: encode(found.response.authenticatorData),
    signature: encode(found.response.signature),
    userHandle: encode(found.response.userHandle ?? new ArrayBuffer(0)),
  });
}

async function make(path, body, label) {
  const options = await post(path, body);
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: decode(options.challenge),
      user: { ...options.user, id: decode(options.user.id) },
      excludeCredentials: options.excludeCredentials.map((each) => ({ ...each, id: decode(each.id) })),
    },
  });
  try {
    return await post(`${path}/finish`, {
      clientData: encode(made.response.clientDataJSON),
      attestation: encode(made.response.attestationObject),
      label,
    });
  } catch (error) {
    if (error instanceof Refused) {
      // it is of no use here: let the authenticator forget it, where browsers can tell it so
      await PublicKeyCredential.signalUnknownCredential?.({ rpId: options.rp.id, credentialId: made.id });
    }
    throw error;
  }
}

/** A sentence for what the browser says. */
function explain(error) {
  if (error instanceof Refused) return error.message;
  switch (error.name) {
    case "NotAllowedError":
      return "That was cancelled, or took too long. Try again.";
    case "InvalidStateError":
      return "This device or key holds a passkey of the account already.";
    case "SecurityError":
      return "This address cannot use the passkeys of this server. Tell its operator.";
    default:
      return "The server could not be reached, or your browser could not do it. Try again.";
  }
}

const acts = {
  login: (form) => signIn(form.elements.name?.value.trim().toLowerCase()),
  create: (form) => {
    const name = form.elements.name.value.trim().toLowerCase();
    return make("/login/passkey/create", { ...wish(), name }, "");
  },
  add: (form) => make("/login/passkeys/add", {}, form.elements.label.value),
};

for (const form of document.querySelectorAll("form[data-act]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    for (const button of buttons) button.disabled = true;
    say("Your browser asks you for the passkey…");
    try {
      const { redirect } = await acts[form.dataset.act](form);
      say("Done. You may close this page if it stays.");
      location.assign(redirect);
    } catch (error) {
      say(explain(error), true);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  });
}

if (window.PublicKeyCredential) {
  for (const button of buttons) button.disabled = false;
} else {
  say("This browser has no passkeys, or this page was not opened over https.", true);
}
