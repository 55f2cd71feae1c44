// The sandbox page: shows what arrived while it arrives, and switches faults.
// Values from messages reach the page as text only; an email's HTML only as the document of a frame without rights.
"use strict";

const SHOWN_MAX = 500;
const RECONNECT_DELAY_MS = 2000;

/** Between two drawings: a benchmark may deliver thousands of messages a second. */
const DRAW_PAUSE_MS = 250;

/** Quiet ones are counted on the page once they were asked something. */
const SERVICES = [
  { name: "twilio", label: "Twilio" },
  { name: "sendgrid", label: "SendGrid" },
  { name: "ses", label: "Amazon SES", quiet: true },
  { name: "resend", label: "Resend", quiet: true },
  { name: "mailgun", label: "Mailgun", quiet: true },
  { name: "postmark", label: "Postmark", quiet: true },
  { name: "directory", label: "Directory" },
  { name: "catalog", label: "Catalog" },
  { name: "sns", label: "Amazon SNS", quiet: true },
  { name: "slack", label: "Slack", quiet: true },
  { name: "fcm", label: "Firebase", quiet: true },
  { name: "vonage", label: "Vonage", quiet: true },
  { name: "webhook", label: "Webhook", quiet: true },
  { name: "webpush", label: "Web push", quiet: true },
];

const CHANNELS = { email: "Email", sms: "SMS", push: "Push", chat: "Chat", webhook: "Event" };

const FAULTS = [
  { label: "503 unavailable", body: { fault: "unavailable" }, lookups: true },
  { label: "429, retry after 2 s", body: { fault: "rate_limited", retry_after_s: 2 } },
  { label: "400 rejected", body: { fault: "rejected" } },
  { label: "Slow, 800 ms", body: { fault: "slow", delay_ms: 800 }, lookups: true },
  { label: "Never answer", body: { fault: "hang" }, lookups: true },
  { label: "Reset the connection", body: { fault: "reset" } },
  { label: "Accept, then drop the connection", body: { fault: "accept_then_drop" } },
  { label: "Accept, then never answer", body: { fault: "accept_then_hang" } },
];

const byId = (id) => document.getElementById(id);

const timeFormat = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** The newest messages by sequence number, the oldest first. */
const messages = new Map();
let newestSeq = 0;
let drawnSeq = 0;
let drawnAt = -DRAW_PAUSE_MS;
let drawRequested = false;
let selected = null;
let selectedTab = null;
let instance = null;
let curlExample = "";
let counters = {};
let faults = {};

// ---------------------------------------------------------------- small DOM tools

function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") node.className = value;
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function copyOf(templateId) {
  const copy = byId(templateId).content.cloneNode(true);
  const parts = {};
  for (const node of copy.querySelectorAll("[data-part]")) parts[node.dataset.part] = node;
  return [copy, parts];
}

function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

// ---------------------------------------------------------------- what the server tells

function connect() {
  // The browser reconnects by itself and says which event it saw last.
  const source = new EventSource(`/sandbox/events?replay=${SHOWN_MAX}`);
  source.addEventListener("open", () => showLink("live", "Live"));
  source.addEventListener("state", (event) => takeState(JSON.parse(event.data)));
  source.addEventListener("message", (event) => takeMessage(JSON.parse(event.data)));
  source.addEventListener("cleared", forgetMessages);
  source.addEventListener("error", () => {
    showLink("lost", "Reconnecting");
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RECONNECT_DELAY_MS);
  });
}

function showLink(state, text) {
  byId("link").dataset.state = state;
  byId("link-text").textContent = text;
}

function takeState(state) {
  if (instance !== null && instance !== state.instance) {
    newestSeq = 0;
    forgetMessages();
  }
  instance = state.instance;
  curlExample = state.curl_example.replaceAll("{origin}", location.origin);
  ({ counters, faults } = state);
  requestDraw();
}

function takeMessage(message) {
  if (message.seq <= newestSeq) return;
  newestSeq = message.seq;
  messages.set(message.seq, message);
  if (messages.size > SHOWN_MAX) messages.delete(messages.keys().next().value);
  requestDraw();
}

function forgetMessages() {
  messages.clear();
  selected = null;
  drawnSeq = newestSeq;
  byId("messages").replaceChildren();
  requestDraw();
}

/** At once after a quiet time, else together with what arrives until the pause is over. */
function requestDraw() {
  if (drawRequested) return;
  drawRequested = true;
  const wait = Math.max(0, drawnAt + DRAW_PAUSE_MS - performance.now());
  setTimeout(() => requestAnimationFrame(draw), wait);
}

function draw() {
  drawRequested = false;
  drawnAt = performance.now();
  showCounters();
  showFaults();
  drawList();
  if (messages.size === 0) drawEmpty();
  else if (selected === null || !messages.has(selected)) select(newestSeq);
}

// ---------------------------------------------------------------- counters and faults

function showCounters() {
  const asked = (name) => Object.values(counters[name]).some((count) => count > 0);
  const entries = SERVICES.filter(({ name, quiet }) => !quiet || asked(name)).map(({ name, label }) => {
    const { accepted, refused, faulted, validated } = counters[name];
    const value = element("dd", {}, String(accepted));
    const extras = [[refused, "refused"], [faulted, "faulted"], [validated, "validated"]];
    const extra = extras.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`).join(", ");
    if (extra) value.append(element("span", { class: "extra" }, ` ${extra}`));
    return element("div", {}, element("dt", {}, label), value);
  });
  byId("counters").replaceChildren(...entries);
}

function buildFaults() {
  for (const { name, label } of SERVICES) {
    const lookup = name === "directory" || name === "catalog";
    const chips = FAULTS.filter((fault) => fault.lookups || !lookup).map((fault) => {
      const chip = element("button", { type: "button", class: "chip" }, fault.label);
      chip.dataset.service = name;
      chip.dataset.fault = fault.body.fault;
      chip.dataset.label = fault.label;
      chip.setAttribute("aria-pressed", "false");
      chip.addEventListener("click", () => switchFault(name, fault.body));
      return chip;
    });
    const row = element("div", { class: "fault-row" }, element("h2", {}, label), element("div", { class: "chips" }, ...chips));
    byId("fault-rows").append(row);
  }
}

function showFaults() {
  for (const chip of document.querySelectorAll(".chip")) {
    const active = faults[chip.dataset.service];
    const on = active !== null && active.fault === chip.dataset.fault;
    chip.setAttribute("aria-pressed", String(on));
    const left = on && active.times_left ? ` · ${active.times_left} left` : "";
    chip.textContent = chip.dataset.label + left;
  }
  const count = Object.values(faults).filter((fault) => fault !== null).length;
  const badge = byId("faults-on");
  badge.hidden = count === 0;
  badge.textContent = String(count);
  badge.setAttribute("aria-label", `, ${count} active`);
}

async function switchFault(service, body) {
  const url = `/sandbox/faults/${service}`;
  if (faults[service] !== null && faults[service].fault === body.fault) {
    await ask(url, { method: "DELETE" });
    return;
  }
  const times = Number(document.querySelector("input[name=times]:checked").value);
  const request = times > 0 ? { ...body, times } : body;
  await ask(url, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(request) });
}

/** Its effect comes back as an event; only a failure is shown here. */
async function ask(url, options) {
  const notice = byId("notice");
  try {
    const answer = await fetch(url, options);
    notice.hidden = answer.ok;
    if (!answer.ok) notice.textContent = `${options.method} ${url} was answered with ${answer.status}.`;
  } catch {
    notice.hidden = false;
    notice.textContent = "The sandbox does not answer. Is the server still running?";
  }
}

// ---------------------------------------------------------------- the list

function drawList() {
  const list = byId("messages");
  for (const message of messages.values()) {
    if (message.seq > drawnSeq) list.prepend(rowOf(message));
  }
  drawnSeq = newestSeq;
  while (list.childElementCount > messages.size) list.lastElementChild.remove();
  const more = byId("more");
  more.hidden = messages.size < SHOWN_MAX;
  more.textContent = `The newest ${SHOWN_MAX} are shown.`;
}

function rowOf(message) {
  const [copy, parts] = copyOf("row-template");
  const row = copy.querySelector("button");
  row.dataset.seq = message.seq;
  row.setAttribute("aria-current", String(message.seq === selected));
  row.addEventListener("click", () => {
    select(message.seq);
    document.querySelector("main").dataset.open = "true";
  });
  parts.channel.textContent = CHANNELS[message.channel];
  parts.channel.dataset.channel = message.channel;
  parts.to.textContent = message.to.join(", ");
  parts.time.textContent = timeOf(message);
  parts.time.dateTime = message.received_at;
  parts.title.textContent = message.subject ?? message.text ?? "";
  parts.note.textContent = noteOf(message);
  return copy;
}

function noteOf(message) {
  if (message.segments !== null && message.segments.count > 1) return plural(message.segments.count, "segment");
  if (message.attachments.length > 0) return plural(message.attachments.length, "file");
  return "";
}

function timeOf(message) {
  return timeFormat.format(new Date(message.received_at));
}

function moveInList(event) {
  const rows = [...document.querySelectorAll(".row")];
  const at = rows.indexOf(document.activeElement);
  const targets = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
  const target = rows[targets[event.key]];
  if (at < 0 || target === undefined) return;
  event.preventDefault();
  target.focus();
  select(Number(target.dataset.seq));
}

// ---------------------------------------------------------------- one message

function select(seq) {
  const former = document.querySelector('.row[aria-current="true"]');
  if (former !== null) former.setAttribute("aria-current", "false");
  const row = document.querySelector(`.row[data-seq="${seq}"]`);
  if (row !== null) row.setAttribute("aria-current", "true");
  selected = seq;
  drawMessage(messages.get(seq));
}

function drawEmpty() {
  if (document.querySelector(".empty") !== null) return;
  const [copy, parts] = copyOf("empty-template");
  parts.command.textContent = curlExample;
  parts.copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(curlExample);
      parts.copy.textContent = "Copied";
    } catch {
      // Only secure origins may write to the clipboard: leave the last step to the user.
      getSelection().selectAllChildren(parts.command);
    }
  });
  delete document.querySelector("main").dataset.open;
  byId("detail").replaceChildren(copy);
}

function drawMessage(message) {
  const tabs = tabsOf(message);
  const current = tabs.find((tab) => tab.name === selectedTab) ?? tabs[0];
  const strip = element("div", { class: "tabs", role: "tablist", "aria-label": "Views" });
  for (const tab of tabs) {
    const button = element("button", { type: "button", role: "tab", id: `tab-${tab.name}` }, tab.label);
    button.setAttribute("aria-selected", String(tab === current));
    button.setAttribute("aria-controls", "panel");
    button.tabIndex = tab === current ? 0 : -1;
    button.addEventListener("click", () => {
      selectedTab = tab.name;
      drawMessage(message);
      byId(`tab-${tab.name}`).focus();
    });
    strip.append(button);
  }
  strip.addEventListener("keydown", moveInTabs);
  const panel = element("div", { class: "panel", id: "panel", role: "tabpanel", "aria-labelledby": `tab-${current.name}` });
  panel.classList.toggle("filled", current.name === "html");
  panel.append(current.draw(message));
  byId("detail").replaceChildren(headOf(message), strip, panel);
}

function moveInTabs(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  const tabs = [...event.currentTarget.children];
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  next.click();
}

function tabsOf(message) {
  const details = { name: "details", label: "Details", draw: drawDetails };
  if (message.channel === "sms") return [{ name: "sms", label: "Message", draw: drawSms }, details];
  const tabs = [];
  if (message.html !== null) tabs.push({ name: "html", label: "HTML", draw: drawHtml });
  if (message.text !== null) tabs.push({ name: "text", label: "Text", draw: drawText });
  if (message.document !== null) tabs.push({ name: "document", label: "Content", draw: drawDocument });
  return [...tabs, details];
}

function titleOf(message) {
  if (message.channel === "email") return message.subject ?? "(no subject)";
  return message.subject ?? `${CHANNELS[message.channel]} to ${message.to.join(", ")}`;
}

function headOf(message) {
  const back = element("button", { type: "button", class: "back" }, "‹ All messages");
  back.addEventListener("click", () => delete document.querySelector("main").dataset.open);
  const sender = message.from ?? message.messaging_service_sid ?? "";
  const from = message.from_name ? `${message.from_name} <${sender}>` : sender;
  const title = titleOf(message);
  const lines = [["From", from], ["To", message.to.join(", ")], ["Cc", message.cc.join(", ")], ["Bcc", message.bcc.join(", ")]];
  lines.push(["Arrived", `${new Date(message.received_at).toLocaleString()} · no. ${message.seq}`]);
  const list = element("dl");
  for (const [name, value] of lines) {
    if (value !== "") list.append(element("dt", {}, name), element("dd", {}, value));
  }
  return element("div", { class: "head" }, back, element("h2", {}, title), list);
}

function drawHtml(message) {
  const frame = element("iframe", { title: "The email as it is rendered" });
  // No rights at all: no scripts, no forms, no origin.
  frame.setAttribute("sandbox", "");
  frame.srcdoc = message.html;
  return frame;
}

function drawText(message) {
  return element("pre", { class: "plain" }, message.text);
}

function drawDocument(message) {
  return element("pre", { class: "plain" }, JSON.stringify(message.document, null, 2));
}

function drawSms(message) {
  const { parts, encoding, units, units_per_segment: capacity, count } = message.segments;
  const phone = element("div", { class: "phone" });
  if (parts.length > 0) {
    const bubble = element("div", { class: "bubble" });
    parts.forEach((part, index) => {
      bubble.append(element("span", { class: index % 2 === 1 ? "piece tinted" : "piece" }, part.text));
      if (parts.length > 1) bubble.append(element("span", { class: "cut", title: `End of segment ${index + 1}` }, String(index + 1)));
    });
    const unit = encoding === "GSM-7" ? "septets" : "UTF-16 units";
    const summary = element("p", {}, element("strong", {}, `${plural(count, "segment")}, ${encoding}`), ` · ${units} ${unit}`);
    phone.append(bubble, element("div", { class: "bill" }, summary, ...parts.map((part, index) => meterOf(part, index, capacity))));
  }
  if (message.media_urls.length > 0) {
    const links = message.media_urls.map((url) => element("code", {}, url));
    phone.append(element("div", { class: "media" }, element("strong", {}, "Media"), ...links));
  }
  return phone;
}

function meterOf(part, index, capacity) {
  const namespace = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(namespace, "svg");
  const filled = document.createElementNS(namespace, "rect");
  filled.setAttribute("width", `${(100 * part.units) / capacity}%`);
  filled.setAttribute("height", "100%");
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(filled);
  return element("div", { class: "meter" }, element("span", {}, String(index + 1)), drawing, element("span", {}, `${part.units} of ${capacity}`));
}

function drawDetails(message) {
  const lines = (map) => Object.entries(map).map(([name, value]) => `${name}: ${value}`).join("\n");
  const file = (attachment) => {
    const kind = attachment.content_type ?? "unknown type";
    const id = attachment.content_id === null ? "" : `, cid:${attachment.content_id}`;
    return `${attachment.filename} (${kind}, ${attachment.size_bytes} bytes, ${attachment.disposition}${id}), SHA-256 ${attachment.sha256}`;
  };
  const facts = [
    ["Provider", message.provider],
    ["Provider's id", message.provider_message_id],
    ["Idempotency key", message.idempotency_key ?? (message.provider === "twilio" ? "none: Twilio has no field for it" : "none in the request")],
    ["Received at", message.received_at],
    ["Reply to", message.reply_to.join("\n")],
    ["Messaging service", message.messaging_service_sid ?? ""],
    ["Status callback", message.status_callback ?? ""],
    ["Categories", message.categories.join(", ")],
    ["Custom arguments", lines(message.custom_args)],
    ["Headers", lines(message.headers)],
    ["Attachments", message.attachments.map(file).join("\n")],
    ["Media", message.media_urls.join("\n")],
  ];
  const list = element("dl", { class: "facts" });
  for (const [name, value] of facts) {
    if (value !== "") list.append(element("dt", {}, name), element("dd", {}, value));
  }
  const url = `/sandbox/messages/${message.seq}`;
  list.append(element("dt", {}, "As JSON"), element("dd", {}, element("a", { href: url }, url)));
  return list;
}

// ---------------------------------------------------------------- start

byId("clear").addEventListener("click", () => ask("/sandbox/messages", { method: "DELETE" }));
byId("faults-clear").addEventListener("click", () => ask("/sandbox/faults", { method: "DELETE" }));
byId("faults-toggle").addEventListener("click", (event) => {
  const panel = byId("faults");
  panel.hidden = !panel.hidden;
  event.currentTarget.setAttribute("aria-expanded", String(!panel.hidden));
});
byId("messages").addEventListener("keydown", moveInList);
buildFaults();
connect();
