// Acme: SMS, and receipts of what became of them.

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "gen/contract.h"
#include "json.h"

static const char SETTINGS_SCHEMA[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"Acme\",\"type\":\"object\",\"properties\":{"
    "\"base_url\":{\"description\":\"Root of the API. Plain HTTP for loopback only.\",\"type\":\"string\",\"format\":\"uri\"},"
    "\"from\":{\"description\":\"Sender of messages that name none. Acme picks one where it is missing.\","
    "\"type\":\"string\",\"minLength\":1}},"
    "\"required\":[\"base_url\"],\"additionalProperties\":false}";

// What Acme's codes mean. One that is missing here means what its HTTP status means.
static const struct {
    const char *code;
    means_t means;
} ERRORS[] = {
    {"NO_SUCH_NUMBER", MEANS_RECIPIENT},
    {"OPTED_OUT", MEANS_SUPPRESSED},
    {"BAD_TOKEN", MEANS_PROVIDER},
    {"QUOTA", MEANS_RATE_LIMITED},
};

// What the statuses of receipts mean.
static const struct {
    const char *said;
    model_receipt_status_t status;
} STATUSES[] = {
    {"queued", MODEL_RECEIPT_STATUS_ACCEPTED},        {"sent", MODEL_RECEIPT_STATUS_ACCEPTED},
    {"delivered", MODEL_RECEIPT_STATUS_DELIVERED},    {"failed", MODEL_RECEIPT_STATUS_FAILED},
    {"expired", MODEL_RECEIPT_STATUS_FAILED},         {"undeliverable", MODEL_RECEIPT_STATUS_BOUNCED},
    {"opted_out", MODEL_RECEIPT_STATUS_UNSUBSCRIBED},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is(const contract_string_t *text, const char *other) {
    return text->len == strlen(other) && memcmp(text->ptr, other, text->len) == 0;
}

// What a list of the contract points to: empty, and freed by whoever gets the list.
static void *items(size_t count, size_t size) {
    void *items = calloc(count, size);
    if (!items) abort();
    return items;
}

void exports_provider_describe(exports_provider_description_t *description) {
    static const model_receipt_status_t RECEIPTS[] = {
        MODEL_RECEIPT_STATUS_ACCEPTED, MODEL_RECEIPT_STATUS_DELIVERED,    MODEL_RECEIPT_STATUS_FAILED,
        MODEL_RECEIPT_STATUS_BOUNCED,  MODEL_RECEIPT_STATUS_UNSUBSCRIBED,
    };
    *description = (exports_provider_description_t){
        .name = text_of("acme"),
        .version = text_of("0.1.0"),
        .summary = text_of("SMS through Acme"),
        .channels = {items(1, sizeof(model_channel_t)), 1},
        .settings_schema = text_of("%s", SETTINGS_SCHEMA),
        .hosts = {items(1, sizeof(contract_string_t)), 1},
        .secrets = {items(2, sizeof(model_secret_need_t)), 2},
        .receipts = {items(COUNT(RECEIPTS), sizeof *RECEIPTS), COUNT(RECEIPTS)},
    };
    description->channels.ptr[0] = MODEL_CHANNEL_SMS;
    description->hosts.ptr[0] = text_of("api.acme.example");
    description->secrets.ptr[0] = (model_secret_need_t){text_of("token"), true, text_of("API token")};
    description->secrets.ptr[1] = (model_secret_need_t){
        text_of("webhook_secret"), false, text_of("Signs receipts: without it, none is believed")};
    memcpy(description->receipts.ptr, RECEIPTS, sizeof RECEIPTS);
}

// HTTPS, or HTTP for loopback; without user, query, fragment, and without a slash at the end, which would be doubled.
static bool is_base_url(const contract_string_t *text) {
    static const char *const LOOPBACK[] = {"localhost", "127.0.0.1", "[::1]"};
    char url[2048];
    if (text->len >= sizeof url || memchr(text->ptr, '\0', text->len)) return false;
    memcpy(url, text->ptr, text->len);
    url[text->len] = '\0';
    if (strpbrk(url, " \t\r\n?#@") || text->len == 0 || url[text->len - 1] == '/') return false;
    if (strncmp(url, "https://", 8) == 0) return url[8] != '\0' && url[8] != '/';
    if (strncmp(url, "http://", 7) != 0) return false;
    for (size_t i = 0; i < COUNT(LOOPBACK); i++) {
        size_t len = strlen(LOOPBACK[i]);
        char next = strncmp(url + 7, LOOPBACK[i], len) == 0 ? url[7 + len] : '?';
        if (next == '\0' || next == ':' || next == '/') return true;
    }
    return false;
}

// Reads the settings, and gives how many problems they have. The problems are at most one for each member and one more.
static size_t read_settings(json_object_t *settings, model_setting_problem_t *problems) {
    contract_string_t text;
    settings_read(&text);
    size_t count = 0;
    if (!json_read_object(settings, text.ptr, text.len)) {
        problems[count++] = (model_setting_problem_t){text_of(""), text_of("want a JSON object")};
    }
    contract_string_free(&text);
    for (size_t i = 0; i < settings->count; i++) {
        const contract_string_t *name = &settings->members[i].name;
        if (is(name, "base_url") || is(name, "from")) continue;
        problems[count++] = (model_setting_problem_t){text_copy(name), text_of("is no setting")};
    }
    const contract_string_t *base_url = json_text(settings, "base_url");
    if (!base_url || !is_base_url(base_url)) {
        const char *wanted = "want a URL as https://api.acme.example, without a slash at its end";
        problems[count++] = (model_setting_problem_t){text_of("base_url"), text_of("%s", wanted)};
    }
    const json_member_t *from = json_member(settings, "from");
    if (from && from->kind != JSON_NULL && from->text.len == 0) {
        const char *wanted = "want the name or number of a sender, or nothing";
        problems[count++] = (model_setting_problem_t){text_of("from"), text_of("%s", wanted)};
    }
    return count;
}

#define PROBLEMS_MAX (JSON_MEMBERS_MAX + 2)

bool exports_provider_check_settings(exports_provider_list_setting_problem_t *problems) {
    json_object_t settings;
    problems->ptr = items(PROBLEMS_MAX, sizeof *problems->ptr);
    problems->len = read_settings(&settings, problems->ptr);
    json_free(&settings);
    if (problems->len > 0) return false;
    free(problems->ptr);
    return true;
}

static contract_string_t body_of(const model_sms_t *sms, const contract_string_t *from) {
    size_t max = sizeof "{\"to\":,\"text\":,\"from\":}" + json_written_max(&sms->recipient) + json_written_max(&sms->text);
    char *body = items(1, max + (from ? json_written_max(from) : 0));
    char *end = json_write(stpcpy(body, "{\"to\":"), &sms->recipient);
    end = json_write(stpcpy(end, ",\"text\":"), &sms->text);
    if (from) end = json_write(stpcpy(end, ",\"from\":"), from);
    *end++ = '}';
    return (contract_string_t){(uint8_t *)body, (size_t)(end - body)};
}

static model_send_error_t error_of(const http_response_t *response) {
    json_object_t said;
    bool is_object = json_read_object(&said, response->body.ptr, response->body.len);
    const contract_string_t *code = is_object ? json_text(&said, "code") : NULL;
    const contract_string_t *words = is_object ? json_text(&said, "message") : NULL;
    means_t means = answer_means(response->status);
    for (size_t i = 0; code && i < COUNT(ERRORS); i++) {
        if (is(code, ERRORS[i].code)) means = ERRORS[i].means;
    }
    model_problem_t problem = {
        .code = text_some(code),
        .message = words && words->len > 0 ? text_copy(words) : answer_excerpt(response),
    };
    json_free(&said);
    return answer_error(means, answer_retry_after_ms(response), problem);
}

// Posts a message to Acme. The texts of the request are lent to the host and stay ours.
static bool post(const json_object_t *settings, const model_sms_t *sms, const contract_string_t *key,
                 model_receipt_t *receipt, model_send_error_t *error) {
    const contract_string_t *base_url = json_text(settings, "base_url");
    contract_string_t url = text_of("%.*s/messages", (int)base_url->len, (const char *)base_url->ptr);
    contract_string_t body = body_of(sms, sms->sender.is_some ? &sms->sender.val : json_text(settings, "from"));
    contract_tuple2_string_string_t headers[2] = {{.f1 = *key}};
    contract_string_set(&headers[0].f0, "idempotency-key");
    contract_string_set(&headers[1].f0, "content-type");
    contract_string_set(&headers[1].f1, "application/json");
    http_request_t request = {
        .method = HTTP_METHOD_POST,
        .url = url,
        .headers = {headers, COUNT(headers)},
        .auth = {.tag = HTTP_AUTH_BEARER},
        .body = {body.ptr, body.len},
    };
    contract_string_set(&request.auth.val.bearer, "token");

    http_response_t response;
    http_http_error_t failure;
    bool is_answered = http_send(&request, &response, &failure);
    contract_string_free(&url);
    contract_string_free(&body);
    if (!is_answered) {
        *error = answer_missing(&failure);
        http_http_error_free(&failure);
        return false;
    }
    bool is_taken = response.status >= 200 && response.status < 300;
    if (is_taken) {
        // The status accepts the message. Without an id its receipts cannot be told apart, but asking again would send it
        // twice.
        const contract_string_t *id = answer_header(response.headers.ptr, response.headers.len, "x-message-id");
        *receipt = (model_receipt_t){.provider_message_id = text_some(id)};
    } else {
        *error = error_of(&response);
    }
    http_response_free(&response);
    return is_taken;
}

static bool send(const model_message_t *message, const model_context_t *context, model_receipt_t *receipt,
                 model_send_error_t *error) {
    if (message->content.tag != MODEL_CONTENT_SMS) {
        *error = answer_refuse(MEANS_MESSAGE, "this provider takes SMS only");
        return false;
    }
    const model_sms_t *sms = &message->content.val.sms;
    if (sms->media_urls.len > 0) {
        *error = answer_refuse(MEANS_MESSAGE, "Acme takes text only, and the message has media");
        return false;
    }
    json_object_t settings;
    model_setting_problem_t problems[PROBLEMS_MAX];
    size_t count = read_settings(&settings, problems);
    if (count > 0) {
        *error = answer_refuse(MEANS_PROVIDER, "setting `%.*s`: %.*s", (int)problems->setting.len,
                               (const char *)problems->setting.ptr, (int)problems->problem.len,
                               (const char *)problems->problem.ptr);
    }
    for (size_t i = 0; i < count; i++) model_setting_problem_free(&problems[i]);
    bool is_taken = count == 0 && post(&settings, sms, &context->idempotency_key, receipt, error);
    json_free(&settings);
    return is_taken;
}

bool exports_provider_send(exports_provider_message_t *message, exports_provider_context_t *context,
                           exports_provider_receipt_t *receipt, exports_provider_send_error_t *error) {
    bool is_taken = send(message, context, receipt, error);
    exports_provider_message_free(message);
    exports_provider_context_free(context);
    return is_taken;
}

void exports_provider_look_up(exports_provider_sought_t *sought, exports_provider_finding_t *finding) {
    exports_provider_sought_free(sought);
    finding->tag = MODEL_FINDING_IMPOSSIBLE;
}

static bool refuse(model_receive_error_t *error, uint8_t tag, const char *words) {
    error->tag = tag;
    // All cases hold a text, at the same place.
    error->val.unverified = text_of("%s", words);
    return false;
}

static int hex_digit(uint8_t c) {
    static const char DIGITS[] = "0123456789abcdef";
    const char *digit = memchr(DIGITS, c >= 'A' && c <= 'F' ? c | 0x20 : c, 16);
    return digit ? (int)(digit - DIGITS) : -1;
}

// Whether Acme posted this. The signature covers no time at which it was made, and Acme posts again what we did not take, so
// age proves nothing: repeats are known by the id of the event.
static bool check_signature(const model_webhook_t *webhook, model_receive_error_t *error) {
    const contract_string_t *digits = answer_header(webhook->headers.ptr, webhook->headers.len, "x-acme-signature");
    uint8_t signature[32];
    if (!digits) return refuse(error, MODEL_RECEIVE_ERROR_UNVERIFIED, "the header `x-acme-signature` is missing");
    bool is_right = digits->len == 2 * sizeof signature;
    for (size_t i = 0; is_right && i < sizeof signature; i++) {
        int high = hex_digit(digits->ptr[2 * i]), low = hex_digit(digits->ptr[2 * i + 1]);
        is_right = high >= 0 && low >= 0;
        signature[i] = (uint8_t)(high << 4 | low);
    }
    verify_key_t key = {.tag = VERIFY_KEY_SECRET};
    contract_string_set(&key.val.secret, "webhook_secret");
    contract_list_u8_t payload = webhook->body, raw = {signature, sizeof signature};
    verify_verify_error_t failure;
    if (is_right && !verify_verify(VERIFY_ALGORITHM_HMAC_SHA256, &key, &payload, &raw, &is_right, &failure)) {
        verify_verify_error_free(&failure);
        return refuse(error, MODEL_RECEIVE_ERROR_UNVERIFIED, "the secret `webhook_secret` is missing or cannot be used");
    }
    return is_right || refuse(error, MODEL_RECEIVE_ERROR_UNVERIFIED, "the signature is wrong");
}

// As Acme writes times: 2026-01-01T00:00:00Z, with a fraction or without.
static contract_option_u64_t read_time(const contract_string_t *at) {
    contract_option_u64_t none = {0};
    char text[40];
    if (at->len >= sizeof text) return none;
    memcpy(text, at->ptr, at->len);
    text[at->len] = '\0';
    struct tm date = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &date);
    if (!rest) return none;
    unsigned ms = 0;
    if (*rest == '.') {
        rest++;
        for (unsigned unit = 100; *rest >= '0' && *rest <= '9'; unit /= 10) ms += unit * (unsigned)(*rest++ - '0');
    }
    int64_t seconds = (int64_t)timegm(&date);
    if (strcmp(rest, "Z") != 0 || seconds < 0) return none;
    return (contract_option_u64_t){.is_some = true, .val = (uint64_t)seconds * 1000 + ms};
}

static model_receipt_event_t event_of(const contract_string_t *id, const contract_string_t *message_id,
                                      const contract_string_t *said, const contract_string_t *at) {
    model_receipt_event_t event = {
        .event_id = text_some(id),
        .provider_message_id = text_copy(message_id),
        .status = MODEL_RECEIPT_STATUS_OTHER,
        .occurred_at_ms = read_time(at),
    };
    for (size_t i = 0; i < COUNT(STATUSES); i++) {
        if (is(said, STATUSES[i].said)) event.status = STATUSES[i].status;
    }
    event.problem.is_some = event.status == MODEL_RECEIPT_STATUS_FAILED ||
                            event.status == MODEL_RECEIPT_STATUS_BOUNCED ||
                            event.status == MODEL_RECEIPT_STATUS_UNSUBSCRIBED;
    if (event.problem.is_some) event.problem.val.message = text_copy(said);
    return event;
}

static bool receive(const model_webhook_t *webhook, exports_provider_list_receipt_event_t *events,
                    model_receive_error_t *error) {
    if (!check_signature(webhook, error)) return false;
    json_object_t posted;
    bool is_object = json_read_object(&posted, webhook->body.ptr, webhook->body.len);
    const contract_string_t *id = json_text(&posted, "id"), *event = json_text(&posted, "event"),
                            *message_id = json_text(&posted, "message_id"), *said = json_text(&posted, "status"),
                            *at = json_text(&posted, "at");
    bool is_whole = is_object && id && event && message_id && said && at;
    *events = (exports_provider_list_receipt_event_t){0};
    if (!is_whole) {
        const char *wanted = "want the texts `id`, `event`, `message_id`, `status` and `at`";
        refuse(error, MODEL_RECEIVE_ERROR_MALFORMED, wanted);
    } else if (is(event, "message.status")) {
        events->ptr = items(1, sizeof *events->ptr);
        events->ptr[events->len++] = event_of(id, message_id, said, at);
    }
    // Acme posts other events to the same address, as those of its own account: they hold nothing for us.
    json_free(&posted);
    return is_whole;
}

bool exports_provider_receive(exports_provider_webhook_t *webhook, exports_provider_list_receipt_event_t *events,
                              exports_provider_receive_error_t *error) {
    bool is_taken = receive(webhook, events, error);
    exports_provider_webhook_free(webhook);
    return is_taken;
}
