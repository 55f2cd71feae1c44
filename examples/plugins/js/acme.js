// @ts-check
// Acme: SMS, and receipts of what became of them.

import settings from "notifier:provider/settings@0.1.0";
import verify from "notifier:provider/verify@0.1.0";

import * as answer from "./answer.js";

/** @import { HttpResponse } from "notifier:provider/http@0.1.0" */
/** @import { Context, Description, Finding, Message, Receipt } from "notifier:provider/model@0.1.0" */
/** @import { ReceiptEvent, ReceiptStatus, ReceiveError, RejectionKind } from "notifier:provider/model@0.1.0" */
/** @import { SettingProblem, Webhook } from "notifier:provider/model@0.1.0" */

const SETTINGS_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Acme",
  type: "object",
  properties: {
    base_url: { description: "Root of the API. Plain HTTP for loopback only.", type: "string", format: "uri" },
    from: {
      description: "Sender of messages that name none. Acme picks one where it is missing.",
      type: "string",
      minLength: 1,
    },
  },
  required: ["base_url"],
  additionalProperties: false,
};

// HTTPS, or HTTP for loopback; without user, query, fragment, and without a slash at the end, which would be doubled.
const BASE_URL = /^(https:\/\/[^/?#@\s]+|http:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?)(\/[^/?#\s]+)*$/;

/**
 * What Acme's codes mean. One that is missing here means what its HTTP status means.
 * @type {Map<string | null, answer.Means>}
 */
const ERRORS = new Map([
  ["NO_SUCH_NUMBER", answer.rejected("recipient")],
  ["OPTED_OUT", answer.rejected("suppressed")],
  ["BAD_TOKEN", answer.rejected("provider")],
  ["QUOTA", answer.rateLimited],
]);

/**
 * What the statuses of receipts mean.
 * @type {Map<string, ReceiptStatus>}
 */
const STATUSES = new Map([
  ["queued", "accepted"],
  ["sent", "accepted"],
  ["delivered", "delivered"],
  ["failed", "failed"],
  ["expired", "failed"],
  ["undeliverable", "bounced"],
  ["opted_out", "unsubscribed"],
]);
const WENT_WRONG = ["failed", "bounced", "unsubscribed"];

// What the component exports. An `Error` that is thrown out of here ends the call without a word to the operator: only the
// errors of the contract, which are plain objects, may leave.
export const provider = {
  /** @returns {Description} */
  describe() {
    return {
      name: "acme",
      version: "0.1.0",
      summary: "SMS through Acme",
      channels: ["sms"],
      settingsSchema: JSON.stringify(SETTINGS_SCHEMA),
      hosts: ["api.acme.example"],
      secrets: [
        { name: "token", required: true, description: "API token" },
        { name: "webhook_secret", required: false, description: "Signs receipts: without it, none is believed" },
      ],
      receipts: [...new Set(STATUSES.values())],
      attributes: [],
    };
  },

  /** Throws the problems, where there are any. */
  checkSettings() {
    const problems = problemsOf(JSON.parse(settings.read()));
    if (problems.length > 0) throw problems;
  },

  /**
   * @param {Message} message
   * @param {Context} context
   * @returns {Receipt}
   */
  send(message, context) {
    try {
      return send(message, context);
    } catch (error) {
      // It may have come after the request.
      if (error instanceof Error) throw answer.unknown(null, { code: null, message: `the plugin failed: ${error}` });
      throw error;
    }
  },

  /** @returns {Finding} */
  lookUp() {
    return { tag: "impossible" };
  },

  /**
   * @param {Webhook} webhook
   * @returns {ReceiptEvent[]}
   */
  receive(webhook) {
    try {
      return receive(webhook);
    } catch (error) {
      if (error instanceof Error) throw receiveError("unavailable", `the plugin failed: ${error}`);
      throw error;
    }
  },
};

/**
 * @param {Record<string, unknown>} found
 * @returns {SettingProblem[]}
 */
function problemsOf({ base_url: baseUrl, from, ...others }) {
  const problems = Object.keys(others).map((setting) => ({ setting, problem: "is no setting" }));
  if (typeof baseUrl !== "string" || !BASE_URL.test(baseUrl)) {
    const problem = "want a URL as https://api.acme.example, without a slash at its end";
    problems.push({ setting: "base_url", problem });
  }
  if (from != null && (typeof from !== "string" || from === "")) {
    problems.push({ setting: "from", problem: "want the name or number of a sender, or nothing" });
  }
  return problems;
}

/**
 * @param {Message} message
 * @param {Context} context
 * @returns {Receipt}
 */
function send(message, context) {
  if (message.content.tag !== "sms") throw refused("message", "this provider takes SMS only");
  const sms = message.content.val;
  if (sms.mediaUrls.length > 0) throw refused("message", "Acme takes text only, and the message has media");
  const found = JSON.parse(settings.read());
  const [problem] = problemsOf(found);
  if (problem) throw refused("provider", `setting \`${problem.setting}\`: ${problem.problem}`);

  const body = { to: sms.recipient, text: sms.text, from: sms.sender ?? found.from ?? undefined };
  const response = answer.to({
    method: "post",
    url: `${found.base_url}/messages`,
    headers: [
      ["content-type", "application/json"],
      ["idempotency-key", context.idempotencyKey],
    ],
    auth: { tag: "bearer", val: "token" },
    body: answer.utf8(JSON.stringify(body)),
    timeoutMs: null,
  });
  if (response.status < 200 || response.status > 299) throw errorOf(response);
  // The status accepts the message. Without an id its receipts cannot be told apart, but asking again would send it twice.
  return { providerMessageId: answer.header(response.headers, "x-message-id"), attributes: [] };
}

/**
 * @param {RejectionKind} kind
 * @param {string} message
 */
function refused(kind, message) {
  return answer.rejected(kind)(null, { code: null, message });
}

/** @param {HttpResponse} response */
function errorOf(response) {
  const said = answer.jsonObject(response.body);
  const code = answer.text(said.code);
  const means = ERRORS.get(code) ?? answer.meansOfStatus(response.status);
  return means(answer.retryAfterMs(response), { code, message: answer.text(said.message) || answer.excerpt(response) });
}

/**
 * @param {Webhook} webhook
 * @returns {ReceiptEvent[]}
 */
function receive(webhook) {
  checkSignature(webhook);
  const posted = answer.jsonObject(webhook.body);
  const [eventId, event, messageId, said, at] = ["id", "event", "message_id", "status", "at"].map((name) =>
    answer.text(posted[name]),
  );
  if (eventId === null || event === null || messageId === null || said === null || at === null) {
    throw receiveError("malformed", "want the texts `id`, `event`, `message_id`, `status` and `at`");
  }
  // Acme posts other events to the same address, as those of its own account.
  if (event !== "message.status") return [];
  const status = STATUSES.get(said) ?? "other";
  const occurredAtMs = Date.parse(at);
  return [
    {
      eventId,
      providerMessageId: messageId,
      status,
      recipient: null,
      occurredAtMs: Number.isNaN(occurredAtMs) ? null : occurredAtMs,
      problem: WENT_WRONG.includes(status) ? { code: null, message: said } : null,
      attributes: [],
    },
  ];
}

/**
 * Whether Acme posted this. The signature covers no time at which it was made, and Acme posts again what we did not take, so
 * age proves nothing: repeats are known by the id of the event.
 * @param {Webhook} webhook
 */
function checkSignature(webhook) {
  const signature = answer.header(webhook.headers, "x-acme-signature");
  if (signature === null) throw receiveError("unverified", "the header `x-acme-signature` is missing");
  const raw = answer.fromHex(signature);
  let isRight;
  try {
    const key = /** @type {const} */ ({ tag: "secret", val: "webhook_secret" });
    isRight = raw !== null && verify.verify("hmac-sha256", key, webhook.body, raw);
  } catch (error) {
    throw receiveError("unverified", `the signature cannot be checked: ${JSON.stringify(error)}`);
  }
  if (!isRight) throw receiveError("unverified", "the signature is wrong");
}

/**
 * @param {ReceiveError["tag"]} tag
 * @param {string} val
 * @returns {ReceiveError}
 */
function receiveError(tag, val) {
  return { tag, val };
}
