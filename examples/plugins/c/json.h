// As much JSON as a plugin needs: the members of an object whose values are texts, and texts to send.
//
// Strict (RFC 8259): what is not JSON to the last byte is no object. A text that is read is UTF-8, for any other would end the
// call when it is handed to the host.

#ifndef ACME_JSON_H
#define ACME_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gen/contract.h"

typedef enum { JSON_TEXT, JSON_NULL, JSON_OTHER } json_kind_t;

typedef struct {
    contract_string_t name;
    json_kind_t kind;
    // Empty unless its kind is JSON_TEXT.
    contract_string_t text;
} json_member_t;

// More members than any answer of a vendor has at its top.
#define JSON_MEMBERS_MAX 64

typedef struct {
    size_t count;
    json_member_t members[JSON_MEMBERS_MAX];
} json_object_t;

// Whether these bytes are an object. It has to be freed in either case.
bool json_read_object(json_object_t *object, const uint8_t *bytes, size_t len);

// The last member of this name, or NULL.
const json_member_t *json_member(const json_object_t *object, const char *name);

// The text that is the value of the member, or NULL where there is none or its value is something else.
const contract_string_t *json_text(const json_object_t *object, const char *name);

void json_free(json_object_t *object);

// At most how many bytes a text takes in JSON.
size_t json_written_max(const contract_string_t *text);

// Writes a text with its quotes, and gives the end of what was written.
char *json_write(char *to, const contract_string_t *text);

// How many bytes the UTF-8 sequence has with which these bytes begin (RFC 3629, 4); 0 where they begin with none.
size_t utf8_sequence(const uint8_t *at, const uint8_t *end);

#endif
