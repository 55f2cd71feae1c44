// @ts-check
// What an answer means, or the lack of one, whatever the vendor: the part of this plugin to copy into another.
// The Rust SDK has the same in `failure.rs`, `error_table.rs`, `response.rs` and `retry_after.rs`.

import clock from "notifier:provider/clock@0.1.0";
import http from "notifier:provider/http@0.1.0";

/** @import { HttpError, HttpRequest, HttpResponse } from "notifier:provider/http@0.1.0" */
/** @import { Headers, Problem, RejectionKind, SendError } from "notifier:provider/model@0.1.0" */

/**
 * What an error means for the message: made of how long the vendor asked to be left alone, and of what it said.
 * @typedef {(retryAfterMs: number | null, problem: Problem) => SendError} Means
 */

// A vendor that asks for longer is not believed: a delivery must come up for a decision within a day.
const RETRY_AFTER_MS_MAX = 24 * 60 * 60 * 1000;
const EXCERPT_CHARS_MAX = 200;
const JSON_BRACKETS_MAX = 500;

/**
 * Not processed, ask again later.
 * @type {Means}
 */
export const rateLimited = (retryAfterMs, problem) => ({ tag: "rate-limited", val: { retryAfterMs, problem } });

/**
 * Certainly not processed, and likely to work later.
 * @type {Means}
 */
export const unavailable = (retryAfterMs, problem) => ({ tag: "unavailable", val: { retryAfterMs, problem } });

/**
 * May have been processed.
 * @type {Means}
 */
export const unknown = (_, problem) => ({ tag: "unknown", val: problem });

/**
 * Not processed, and asking again unchanged is useless.
 * @param {RejectionKind} kind
 * @returns {Means}
 */
export const rejected = (kind) => (_, problem) => ({ tag: "rejected", val: { kind, problem } });

/**
 * What HTTP statuses mean in general (RFC 9110, RFC 6585).
 * @param {number} status
 * @returns {Means}
 */
export function meansOfStatus(status) {
  if (status === 429) return rateLimited;
  // The server gave up waiting for our request, or did not want to look at it yet.
  if (status === 408 || status === 425) return unavailable;
  // A gateway that got no usable answer from the server behind it does not know what that one did. 520, 522 and 524
  // are Cloudflare's.
  if ([502, 504, 520, 522, 524].includes(status)) return unknown;
  if ([401, 402, 403, 404, 407, 410].includes(status)) return rejected("provider");
  switch (Math.floor(status / 100)) {
    // Redirects are not followed: whoever answers is not the API that was meant.
    case 3:
      return rejected("provider");
    case 4:
      return rejected("message");
    case 5:
      return unavailable;
    default:
      return unknown;
  }
}

/**
 * The answer to a request. Throws what it means that there is none.
 * @param {HttpRequest} request
 * @returns {HttpResponse}
 */
export function to(request) {
  try {
    return http.send(request);
  } catch (error) {
    throw missing(/** @type {{ payload: HttpError }} */ (error).payload);
  }
}

/**
 * @param {HttpError} error
 * @returns {SendError}
 */
function missing(error) {
  const problem = (/** @type {string} */ words) => ({ code: null, message: `${words}: ${error.val}` });
  switch (error.tag) {
    case "denied":
      return rejected("provider")(null, problem("the host did not allow the request"));
    case "invalid":
      return rejected("provider")(null, problem("the request could not be made"));
    case "unreachable":
      return unavailable(null, problem("no connection to the vendor"));
    case "interrupted":
      return unknown(null, problem("no answer from the vendor"));
    case "too-large":
      return meansOfUnread(error.val)(null, problem("the body is larger than allowed, the status"));
  }
}

/**
 * Only the status is known of an answer that was too large, and with it no reason to blame account or address.
 * @param {number} status
 * @returns {Means}
 */
function meansOfUnread(status) {
  if (status >= 200 && status < 300) return unknown;
  return status === 429 || status >= 500 ? meansOfStatus(status) : rejected("message");
}

/**
 * How long the vendor asks to be left alone: seconds or a date (RFC 9110, 10.2.3).
 * @param {HttpResponse} response
 * @returns {number | null}
 */
export function retryAfterMs(response) {
  const value = header(response.headers, "retry-after");
  if (value === null) return null;
  const isDate = / GMT$/.test(value);
  const waitMs = isDate ? Date.parse(value) - clock.nowMs() : /^\d+$/.test(value) ? Number(value) * 1000 : NaN;
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(waitMs, 0), RETRY_AFTER_MS_MAX);
}

/**
 * The first value of a header, whatever the case of its name.
 * @param {Headers} headers
 * @param {string} name
 * @returns {string | null}
 */
export function header(headers, name) {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? null;
}

/**
 * The body, if it is a JSON object, else an empty one. Error pages of proxies are none, so this is no error.
 * @param {Uint8Array} body
 * @returns {Record<string, unknown>}
 */
export function jsonObject(body) {
  // What nests deeper than any vendor's answer would use up the stack, and that cannot be caught.
  if (body.filter((byte) => byte === 0x5b || byte === 0x7b).length > JSON_BRACKETS_MAX) return {};
  try {
    const value = JSON.parse(fromUtf8(body));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

/**
 * The value, if it is a text that the host can take: half of a surrogate pair is none.
 * @param {unknown} value
 * @returns {string | null}
 */
export function text(value) {
  return typeof value === "string" && value.isWellFormed() ? value : null;
}

/**
 * The start of an answer, on one line and readable whatever it is.
 * @param {HttpResponse} response
 */
export function excerpt({ status, body }) {
  const start = body.slice(0, 4 * EXCERPT_CHARS_MAX);
  let page;
  try {
    page = fromUtf8(start);
  } catch {
    page = latin1(start).replace(/[^\x20-\x7e\s]/g, "?");
  }
  const chars = [...page.replace(/[\s\p{Cc}]+/gu, " ").trim()];
  const line = chars.length > EXCERPT_CHARS_MAX ? `${chars.slice(0, EXCERPT_CHARS_MAX).join("")}…` : chars.join("");
  return line === "" ? `HTTP ${status} with an empty body` : `HTTP ${status}: ${line}`;
}

/**
 * The bytes of a text. QuickJS has no `TextEncoder`.
 * @param {string} text
 */
export function utf8(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (char) => char.charCodeAt(0));
}

/**
 * Throws where the bytes are no text.
 * @param {Uint8Array} bytes
 */
function fromUtf8(bytes) {
  return decodeURIComponent(escape(latin1(bytes)));
}

/** @param {Uint8Array} bytes */
function latin1(bytes) {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/**
 * Hexadecimal digits of either case, two for each byte (RFC 4648, 8).
 * @param {string} digits
 */
export function fromHex(digits) {
  if (!/^([0-9a-f]{2})*$/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
