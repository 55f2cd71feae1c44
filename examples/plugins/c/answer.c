#include "answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "json.h"

// A vendor that asks for longer is not believed: a delivery must come up for a decision within a day.
#define RETRY_AFTER_S_MAX (24 * 60 * 60)
#define EXCERPT_CHARS_MAX 200

means_t answer_means(uint16_t status) {
    switch (status) {
    case 429:
        return MEANS_RATE_LIMITED;
    // The server gave up waiting for our request, or did not want to look at it yet.
    case 408:
    case 425:
        return MEANS_UNAVAILABLE;
    // A gateway that got no usable answer from the server behind it does not know what that one did. 520, 522 and 524
    // are Cloudflare's.
    case 502:
    case 504:
    case 520:
    case 522:
    case 524:
        return MEANS_UNKNOWN;
    case 401:
    case 402:
    case 403:
    case 404:
    case 407:
    case 410:
        return MEANS_PROVIDER;
    }
    switch (status / 100) {
    // Redirects are not followed: whoever answers is not the API that was meant.
    case 3:
        return MEANS_PROVIDER;
    case 4:
        return MEANS_MESSAGE;
    case 5:
        return MEANS_UNAVAILABLE;
    }
    return MEANS_UNKNOWN;
}

// Only the status is known of an answer that was too large, and with it no reason to blame account or address.
static means_t means_of_unread(uint16_t status) {
    if (status >= 200 && status < 300) return MEANS_UNKNOWN;
    return status == 429 || status >= 500 ? answer_means(status) : MEANS_MESSAGE;
}

static bool read_seconds(const char *value, uint64_t *seconds) {
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || value[digits] != '\0') return false;
    // What has more digits than this is cut down to a day in any case.
    *seconds = digits > 18 ? RETRY_AFTER_S_MAX : strtoull(value, NULL, 10);
    return true;
}

static bool read_date(const char *value, uint64_t *seconds) {
    struct tm date = {0};
    const char *end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (!end || *end != '\0') return false;
    int64_t left = (int64_t)timegm(&date) - (int64_t)(clock_now_ms() / 1000);
    *seconds = left > 0 ? (uint64_t)left : 0;
    return true;
}

contract_option_u64_t answer_retry_after_ms(const http_response_t *response) {
    contract_option_u64_t none = {0};
    const contract_string_t *header = answer_header(response->headers.ptr, response->headers.len, "retry-after");
    char value[64];
    if (!header || header->len >= sizeof value) return none;
    memcpy(value, header->ptr, header->len);
    value[header->len] = '\0';
    uint64_t seconds;
    if (!read_seconds(value, &seconds) && !read_date(value, &seconds)) return none;
    if (seconds > RETRY_AFTER_S_MAX) seconds = RETRY_AFTER_S_MAX;
    return (contract_option_u64_t){.is_some = true, .val = seconds * 1000};
}

contract_string_t answer_excerpt(const http_response_t *response) {
    // A character has at most four bytes, and what is none is shown as U+FFFD, which has three. The last may follow a space.
    char line[4 * (EXCERPT_CHARS_MAX + 1) + 1];
    const uint8_t *at = response->body.ptr, *end = at + response->body.len;
    size_t len = 0;
    bool is_apart = false;
    for (int chars = 0; at < end && chars < EXCERPT_CHARS_MAX;) {
        size_t sequence = utf8_sequence(at, end);
        if (sequence == 1 && (*at <= ' ' || *at == 0x7f)) {
            is_apart = len > 0;
            at++;
            continue;
        }
        if (is_apart) {
            line[len++] = ' ';
            chars++;
        }
        is_apart = false;
        memcpy(line + len, sequence ? (const char *)at : "\xef\xbf\xbd", sequence ? sequence : 3);
        len += sequence ? sequence : 3;
        at += sequence ? sequence : 1;
        chars++;
    }
    line[len] = '\0';
    if (len == 0) return text_of("HTTP %d with an empty body", response->status);
    return text_of("HTTP %d: %s%s", response->status, line, at < end ? "…" : "");
}

const contract_string_t *answer_header(const contract_tuple2_string_string_t *headers, size_t len, const char *name) {
    for (size_t i = 0; i < len; i++) {
        const contract_string_t *key = &headers[i].f0;
        if (key->len == strlen(name) && strncasecmp((const char *)key->ptr, name, key->len) == 0) return &headers[i].f1;
    }
    return NULL;
}

model_send_error_t answer_error(means_t means, contract_option_u64_t retry_after_ms, model_problem_t problem) {
    static const model_rejection_kind_t KINDS[] = {
        [MEANS_MESSAGE] = MODEL_REJECTION_KIND_MESSAGE,
        [MEANS_RECIPIENT] = MODEL_REJECTION_KIND_RECIPIENT,
        [MEANS_SUPPRESSED] = MODEL_REJECTION_KIND_SUPPRESSED,
        [MEANS_PROVIDER] = MODEL_REJECTION_KIND_PROVIDER,
    };
    model_send_error_t error = {0};
    switch (means) {
    case MEANS_RATE_LIMITED:
        error.tag = MODEL_SEND_ERROR_RATE_LIMITED;
        error.val.rate_limited = (model_wait_t){retry_after_ms, problem};
        break;
    case MEANS_UNAVAILABLE:
        error.tag = MODEL_SEND_ERROR_UNAVAILABLE;
        error.val.unavailable = (model_wait_t){retry_after_ms, problem};
        break;
    case MEANS_MESSAGE:
    case MEANS_RECIPIENT:
    case MEANS_SUPPRESSED:
    case MEANS_PROVIDER:
        error.tag = MODEL_SEND_ERROR_REJECTED;
        error.val.rejected = (model_rejection_t){KINDS[means], problem};
        break;
    case MEANS_UNKNOWN:
        error.tag = MODEL_SEND_ERROR_UNKNOWN;
        error.val.unknown = problem;
        break;
    }
    return error;
}

static contract_string_t format_text(const char *format, va_list values) {
    va_list again;
    va_copy(again, values);
    int len = vsnprintf(NULL, 0, format, values);
    char *text = len < 0 ? NULL : malloc((size_t)len + 1);
    if (!text) abort();
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return (contract_string_t){(uint8_t *)text, (size_t)len};
}

model_send_error_t answer_refuse(means_t means, const char *format, ...) {
    va_list values;
    va_start(values, format);
    model_problem_t problem = {.message = format_text(format, values)};
    va_end(values);
    return answer_error(means, (contract_option_u64_t){0}, problem);
}

static model_send_error_t missing(means_t means, const char *words, const contract_string_t *reason) {
    return answer_refuse(means, "%s: %.*s", words, (int)reason->len, (const char *)reason->ptr);
}

model_send_error_t answer_missing(const http_http_error_t *error) {
    switch (error->tag) {
    case HTTP_HTTP_ERROR_DENIED:
        return missing(MEANS_PROVIDER, "the host did not allow the request", &error->val.denied);
    case HTTP_HTTP_ERROR_INVALID:
        return missing(MEANS_PROVIDER, "the request could not be made", &error->val.invalid);
    case HTTP_HTTP_ERROR_UNREACHABLE:
        return missing(MEANS_UNAVAILABLE, "no connection to the vendor", &error->val.unreachable);
    case HTTP_HTTP_ERROR_TOO_LARGE: {
        uint16_t status = error->val.too_large;
        return answer_refuse(means_of_unread(status), "HTTP %d with a body larger than allowed", status);
    }
    default:
        return missing(MEANS_UNKNOWN, "no answer from the vendor", &error->val.interrupted);
    }
}

contract_string_t text_of(const char *format, ...) {
    va_list values;
    va_start(values, format);
    contract_string_t text = format_text(format, values);
    va_end(values);
    return text;
}

contract_string_t text_copy(const contract_string_t *text) {
    contract_string_t copy;
    contract_string_dup_n(&copy, (const char *)text->ptr, text->len);
    return copy;
}

contract_option_string_t text_some(const contract_string_t *text) {
    return text ? (contract_option_string_t){true, text_copy(text)} : (contract_option_string_t){0};
}
