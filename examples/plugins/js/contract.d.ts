// `wit/provider.wit` as componentize-qjs shows it to JavaScript, for the type checker. Left out: what SMS does not need.
//
// An `option` is a value or `null`, a `variant` is `{ tag, val }`, an `enum` its name, a `u64` a number, a `list<u8>` a
// `Uint8Array`. An export that gives a `result` returns what is right and throws what is wrong, as it is; an import throws an
// `Error` with that as its `payload`.

declare module "notifier:provider/model@0.1.0" {
  export type Headers = [string, string][];
  export type Attributes = [string, string][];

  export type Sms = { sender: string | null; recipient: string; text: string; mediaUrls: string[] };
  export type Content = { tag: "sms"; val: Sms } | { tag: "email" | "push" | "chat" | "webhook"; val: unknown };
  export type Message = { content: Content; attributes: Attributes };
  export type Context = {
    idempotencyKey: string;
    attempt: number;
    tenant: string;
    category: string;
    receiptUrl: string | null;
    attributes: Attributes;
  };

  export type Receipt = { providerMessageId: string | null; attributes: Attributes };
  export type Problem = { code: string | null; message: string };
  export type Wait = { retryAfterMs: number | null; problem: Problem };
  export type RejectionKind = "message" | "recipient" | "suppressed" | "provider";
  export type SendError =
    | { tag: "rate-limited" | "unavailable"; val: Wait }
    | { tag: "rejected"; val: { kind: RejectionKind; problem: Problem } }
    | { tag: "unknown"; val: Problem };
  export type Finding =
    | { tag: "impossible" | "not-found" }
    | { tag: "found"; val: string | null }
    | { tag: "unclear"; val: Problem };

  export type Webhook = { method: string; url: string; headers: Headers; body: Uint8Array };
  export type ReceiptStatus =
    | "accepted"
    | "delivered"
    | "failed"
    | "bounced"
    | "complained"
    | "unsubscribed"
    | "opened"
    | "clicked"
    | "other";
  export type ReceiptEvent = {
    eventId: string | null;
    providerMessageId: string;
    status: ReceiptStatus;
    recipient: string | null;
    occurredAtMs: number | null;
    problem: Problem | null;
    attributes: Attributes;
  };
  export type ReceiveError = { tag: "unverified" | "malformed" | "unavailable"; val: string };

  export type SettingProblem = { setting: string; problem: string };
  export type SecretNeed = { name: string; required: boolean; description: string };
  export type Description = {
    name: string;
    version: string;
    summary: string;
    channels: ("email" | "sms" | "push" | "chat" | "webhook")[];
    settingsSchema: string;
    hosts: string[];
    secrets: SecretNeed[];
    receipts: ReceiptStatus[];
    attributes: Attributes;
  };
}

declare module "notifier:provider/http@0.1.0" {
  import type { Headers } from "notifier:provider/model@0.1.0";

  export type Auth =
    | { tag: "none" }
    | { tag: "basic"; val: { username: string; password: string } }
    | { tag: "bearer"; val: string }
    | { tag: "header"; val: { header: string; secret: string } };
  export type HttpRequest = {
    method: "get" | "post" | "put" | "patch" | "delete";
    url: string;
    headers: Headers;
    auth: Auth;
    body: Uint8Array;
    timeoutMs: number | null;
  };
  export type HttpResponse = { status: number; headers: Headers; body: Uint8Array };
  export type HttpError =
    | { tag: "denied" | "invalid" | "unreachable" | "interrupted"; val: string }
    | { tag: "too-large"; val: number };

  /** Throws an `Error` whose `payload` is an `HttpError`. */
  const http: { send(request: HttpRequest): HttpResponse };
  export default http;
}

declare module "notifier:provider/verify@0.1.0" {
  export type Key = { tag: "secret" | "secret-base64" | "certificate"; val: string } | { tag: "public"; val: Uint8Array };
  export type Algorithm =
    | "hmac-sha1"
    | "hmac-sha256"
    | "ecdsa-p256-sha256"
    | "rsa-pkcs1-sha1"
    | "rsa-pkcs1-sha256"
    | "ed25519";

  const verify: {
    verify(algorithm: Algorithm, key: Key, payload: Uint8Array, signature: Uint8Array): boolean;
    matches(secret: string, value: Uint8Array): boolean;
  };
  export default verify;
}

declare module "notifier:provider/settings@0.1.0" {
  const settings: { read(): string };
  export default settings;
}

declare module "notifier:provider/log@0.1.0" {
  const log: { write(level: "debug" | "info" | "warn" | "error", message: string): void };
  export default log;
}

declare module "notifier:provider/clock@0.1.0" {
  const clock: { nowMs(): number };
  export default clock;
}
