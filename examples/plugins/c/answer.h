// What an answer means, or the lack of one, whatever the vendor: with json.h the part of this plugin to copy into another.
// The Rust SDK has the same in `failure.rs`, `error_table.rs`, `response.rs` and `retry_after.rs`.

#ifndef ACME_ANSWER_H
#define ACME_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gen/contract.h"

// What an error means for the message and for its provider.
typedef enum {
    // Not processed, ask again later.
    MEANS_RATE_LIMITED,
    // Certainly not processed, and likely to work later.
    MEANS_UNAVAILABLE,
    // Not processed, and asking again unchanged is useless: whose fault that is.
    MEANS_MESSAGE,
    MEANS_RECIPIENT,
    MEANS_SUPPRESSED,
    MEANS_PROVIDER,
    // May have been processed.
    MEANS_UNKNOWN,
} means_t;

// What HTTP statuses mean in general (RFC 9110, RFC 6585).
means_t answer_means(uint16_t status);

// How long the vendor asks to be left alone: seconds or a date (RFC 9110, 10.2.3).
contract_option_u64_t answer_retry_after_ms(const http_response_t *response);

// The start of an answer, on one line and readable whatever it is.
contract_string_t answer_excerpt(const http_response_t *response);

// The first value of a header, whatever the case of its name; or NULL.
const contract_string_t *answer_header(const contract_tuple2_string_string_t *headers, size_t len, const char *name);

// An error that means this. Takes the problem over.
model_send_error_t answer_error(means_t means, contract_option_u64_t retry_after_ms, model_problem_t problem);

// An error without a code, in the words of a format.
model_send_error_t answer_refuse(means_t means, const char *format, ...) __attribute__((format(printf, 2, 3)));

// What it means that a request was not made or not answered.
model_send_error_t answer_missing(const http_http_error_t *error);

// A text in the words of a format. What is returned to the host has to be from the heap, for its call ends with freeing it.
contract_string_t text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

contract_string_t text_copy(const contract_string_t *text);

contract_option_string_t text_some(const contract_string_t *text);

#endif
